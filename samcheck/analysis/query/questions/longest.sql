-- Which checks take longest: the shortest and longest of several runs, and all together
SELECT check_id, count(*) AS times, if(times > 1, min(seconds), NULL) AS from_s,
    if(times > 1, max(seconds), NULL) AS to_s, sum(seconds) AS together_s
FROM checks
GROUP BY check_id
ORDER BY max(seconds) DESC, check_id
LIMIT 20
