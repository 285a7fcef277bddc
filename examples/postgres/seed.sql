CREATE TABLE orders (
  id integer PRIMARY KEY,
  status text NOT NULL,
  cents integer NOT NULL
);

INSERT INTO orders
SELECT n, (ARRAY['open', 'paid', 'sent'])[1 + n % 3], 100 + n % 900
FROM generate_series(1, 100000) AS n;

CREATE INDEX orders_by_status ON orders (status);
ANALYZE orders;
