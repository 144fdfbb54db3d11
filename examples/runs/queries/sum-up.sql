DROP TABLE IF EXISTS totals;
CREATE TABLE totals AS SELECT region, sum(amount) AS amount FROM orders GROUP BY region;
SELECT count(*) || ' regions' FROM totals;
