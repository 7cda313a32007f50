-- Why checks are skipped, and how often
SELECT reason, count(*) AS checks, count(DISTINCT file) AS environments, min(check_id) AS one_of_them
FROM checks
WHERE outcome = 'skipped'
GROUP BY reason
ORDER BY checks DESC, reason
