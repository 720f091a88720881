ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX orders_ordered_at ON orders (ordered_at);
SELECT setval(pg_get_serial_sequence('orders', 'id'), max(id)) FROM orders;
ANALYZE orders;
