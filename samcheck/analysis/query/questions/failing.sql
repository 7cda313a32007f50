-- Which environments fail, why, and in how many checks
WITH found AS (
    SELECT device, driver, torch, cell, outcome, reason, check_id, finished
    FROM checks
    WHERE outcome IN ('failed', 'crashed', 'timed-out', 'intermittent', 'not-run')
    UNION ALL
    SELECT device, driver, torch, cell, outcome, reason, NULL, finished
    FROM cells
    WHERE outcome NOT IN ('passed', 'failed')
)
SELECT device, driver, torch, cell, outcome, reason, count(check_id) AS checks, min(check_id) AS one_of_them,
    max(finished) AS finished
FROM found
GROUP BY device, driver, torch, cell, outcome, reason
ORDER BY device, driver, release(torch), cell, checks DESC, reason
