ALTER TABLE order_items ADD PRIMARY KEY (id);
CREATE INDEX order_items_order_id ON order_items (order_id);
SELECT setval(pg_get_serial_sequence('order_items', 'id'), max(id)) FROM order_items;
ANALYZE order_items;
