-- since: 15
-- What PostgreSQL 15 brought: one NULL in a unique index, views with the invoker's rights, SET NULL of some columns.
CREATE SCHEMA since15;
CREATE TABLE since15.one_null (id int PRIMARY KEY, v int, w int, CONSTRAINT one_null_v UNIQUE NULLS NOT DISTINCT (v), negative numeric(3, -2), tiny numeric(2, 5));
CREATE UNIQUE INDEX one_null_w ON since15.one_null (w) NULLS NOT DISTINCT WHERE id > 0;
INSERT INTO since15.one_null VALUES (1, NULL, NULL, 12300, 0.00012), (2, 2, 3, NULL, NULL);
CREATE VIEW since15.invoked WITH (security_invoker) AS SELECT id FROM since15.one_null;
CREATE TABLE since15.tenant (tenant int, id int, PRIMARY KEY (tenant, id));
CREATE TABLE since15.document (id int PRIMARY KEY, tenant int NOT NULL, author int, FOREIGN KEY (tenant, author) REFERENCES since15.tenant ON DELETE SET NULL (author));
INSERT INTO since15.tenant VALUES (1, 1);
INSERT INTO since15.document VALUES (1, 1, 1), (2, 1, NULL);
CREATE UNLOGGED SEQUENCE since15.fleeting;
SELECT nextval('since15.fleeting');
CREATE COLLATION since15.libc (provider = libc, locale = 'C');
