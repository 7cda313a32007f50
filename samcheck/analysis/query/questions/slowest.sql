-- The slowest image encoders
SELECT variant, precision, backend, value AS median_ms, device, driver, cell, finished, check_id
FROM metrics
WHERE check_group = 'latency' AND check_id LIKE '%::test_encoder%' AND metric = 'median_ms'
ORDER BY value DESC, device, driver, cell, check_id
LIMIT 20
