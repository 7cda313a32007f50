-- The newest outcome of each check, and where it comes from
SELECT check_id, outcome, reason, device, driver, cell, finished
FROM checks
QUALIFY row_number() OVER (PARTITION BY check_id ORDER BY finished DESC, device, driver, cell) = 1
ORDER BY check_id
