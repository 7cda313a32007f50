-- The slowest image encoders, by intervals; last, those that could not be measured
SELECT variant, precision, backend, from_ms, to_ms, no_time_because, disturbed, device, driver, cell, finished,
    check_id
FROM checks
WHERE check_group = 'latency' AND check_id LIKE '%::test_encoder%'
    AND (from_ms IS NOT NULL OR no_time_because IS NOT NULL)
ORDER BY to_ms DESC NULLS LAST, device, driver, cell, check_id
LIMIT 20
