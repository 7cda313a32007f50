-- Which checks take longest to run
SELECT check_id, count(*) AS times, median(seconds) AS median_s, max(seconds) AS longest_s,
    sum(seconds) AS together_s
FROM checks
GROUP BY check_id
ORDER BY median_s DESC, check_id
LIMIT 20
