ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE customers ADD UNIQUE (email);
ALTER TABLE customers ADD UNIQUE (national_id);
SELECT setval(pg_get_serial_sequence('customers', 'id'), max(id)) FROM customers;
ANALYZE customers;
