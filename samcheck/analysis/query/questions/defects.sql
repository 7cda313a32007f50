-- Where each known defect occurs, and where it is gone
SELECT defect,
    count(DISTINCT file) FILTER (outcome = 'known') AS known_in,
    arg_min(torch, release(torch)) FILTER (outcome = 'known') AS from_torch,
    arg_max(torch, release(torch)) FILTER (outcome = 'known') AS to_torch,
    count(DISTINCT file) FILTER (outcome = 'fixed') AS fixed_in,
    arg_min(torch, release(torch)) FILTER (outcome = 'fixed') AS fixed_from_torch,
    mode(check_group) AS check_group
FROM checks
WHERE defect IS NOT NULL
GROUP BY defect
ORDER BY known_in DESC, defect
