-- How many environments passed with each driver and PyTorch; runs of some groups only are counted apart
SELECT device, driver, torch,
    count(DISTINCT cell) FILTER (groups = '') AS environments,
    count(DISTINCT cell) FILTER (groups = '' AND outcome = 'passed') AS passed,
    count(DISTINCT cell) FILTER (groups = '' AND outcome <> 'passed') AS others,
    count(*) FILTER (groups <> '') AS runs_of_some_groups,
    max(finished) AS newest
FROM cells
GROUP BY device, driver, torch
ORDER BY device, driver, release(torch), torch
