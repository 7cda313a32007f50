-- How many environments passed with each driver and PyTorch
SELECT device, driver, torch, count(*) AS environments, count(*) FILTER (outcome = 'passed') AS passed,
    count(*) FILTER (outcome <> 'passed') AS others, max(finished) AS newest
FROM cells
GROUP BY device, driver, torch
ORDER BY device, driver, release(torch), torch
