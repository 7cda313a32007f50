-- The outcome of each environment, its checks by outcome, and the age of the result
SELECT device, driver, cell, torch, cuda, python, variants, groups, cells.outcome,
    finished, coalesce(passed, 0) AS passed, coalesce(known, 0) AS known, coalesce(fixed, 0) AS fixed,
    coalesce(skipped, 0) AS skipped, coalesce(bad, 0) AS bad
FROM cells
LEFT JOIN (
    SELECT file,
        count(*) FILTER (outcome = 'passed') AS passed,
        count(*) FILTER (outcome = 'known') AS known,
        count(*) FILTER (outcome = 'fixed') AS fixed,
        count(*) FILTER (outcome = 'skipped') AS skipped,
        count(*) FILTER (outcome IN ('failed', 'crashed', 'timed-out', 'intermittent', 'not-run')) AS bad
    FROM checks
    GROUP BY file
) USING (file)
ORDER BY device, driver, release(torch), cuda, release(python), cell
