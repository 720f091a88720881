-- Comments on everything that can have one and is not commented elsewhere; with quotes, lines and nothing.
CREATE SCHEMA said;
COMMENT ON SCHEMA said IS E'it''s "said"\nin two lines \\ and with a $$ sign';
CREATE TABLE said.t (id int PRIMARY KEY, "Odd ""name" text);
COMMENT ON TABLE said.t IS '-- no comment; /* at all */';
COMMENT ON COLUMN said.t."Odd ""name" IS U&'\00e4\1F984';
COMMENT ON CONSTRAINT t_pkey ON said.t IS 'the key';
COMMENT ON INDEX said.t_pkey IS 'the key''s index';
CREATE FUNCTION said.f(a int DEFAULT 1, VARIADIC b text[] DEFAULT '{}') RETURNS int LANGUAGE sql AS 'SELECT 1';
COMMENT ON FUNCTION said.f(int, text[]) IS 'f';
CREATE PROCEDURE said.p(INOUT a int) LANGUAGE sql AS 'SELECT 1';
COMMENT ON PROCEDURE said.p(int) IS 'p';
CREATE TYPE said.e AS ENUM ('a');
COMMENT ON TYPE said.e IS 'e';
CREATE TYPE said.c AS (x int);
COMMENT ON COLUMN said.c.x IS 'x';
CREATE VIEW said.v AS SELECT id FROM said.t;
COMMENT ON COLUMN said.v.id IS 'through the view';
