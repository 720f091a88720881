ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id);
ALTER TABLE order_items ADD FOREIGN KEY (order_id) REFERENCES orders (id);
DROP FUNCTION mailbox(bigint);
DROP FUNCTION person(bigint);
DROP FUNCTION family(bigint);
DROP FUNCTION given(bigint);
DROP FUNCTION draw(bigint, integer, bigint);
