-- What others would have in their warehouse.
DROP TABLE IF EXISTS orders;
CREATE TABLE orders(region TEXT NOT NULL, amount INTEGER NOT NULL);
INSERT INTO orders VALUES ('north', 12), ('south', 30), ('north', 9), ('west', 25);
