-- Which checks pass in some environments but not in others
SELECT check_id,
    count(DISTINCT file) FILTER (outcome IN ('passed', 'fixed')) AS hold_in,
    count(DISTINCT file) FILTER (outcome IN ('failed', 'crashed', 'timed-out')) AS fail_in,
    count(DISTINCT file) FILTER (outcome = 'known') AS known_in,
    min(cell) FILTER (outcome IN ('failed', 'crashed', 'timed-out', 'known')) AS one_of_these
FROM checks
GROUP BY check_id
HAVING hold_in > 0 AND fail_in + known_in > 0
ORDER BY fail_in DESC, known_in DESC, check_id
