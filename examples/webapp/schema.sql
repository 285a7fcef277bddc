CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL, cents integer NOT NULL CHECK (cents > 0));
INSERT INTO orders (item, cents) SELECT 'item ' || n, n * 10 FROM generate_series(1, 1000) AS n;
