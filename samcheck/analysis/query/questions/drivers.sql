-- How many environments passed with each driver and PyTorch; runs limited to some groups do not count
SELECT device, driver, torch,
    count(*) FILTER (groups = '') AS environments,
    count(*) FILTER (groups = '' AND outcome = 'passed') AS passed,
    count(*) FILTER (outcome <> 'passed') AS others,
    max(finished) AS newest
FROM cells
GROUP BY device, driver, torch
ORDER BY device, driver, release(torch), torch
