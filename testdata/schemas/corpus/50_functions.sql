-- Functions, procedures, aggregates, window functions, with every property that one can have.
CREATE SCHEMA functions;
CREATE FUNCTION functions.overloaded(int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'SELECT $1';
CREATE FUNCTION functions.overloaded(text, int DEFAULT 3) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION functions.many(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE plpgsql VOLATILE ROWS 7 PARALLEL RESTRICTED CALLED ON NULL INPUT AS $body$
-- a $tag$ within, a backslash \ and a 'quote'
BEGIN
  RETURN QUERY SELECT 1, '$$ \N ''';
END
$body$;
CREATE FUNCTION functions.tabled(n int) RETURNS TABLE (x int, y text) LANGUAGE sql AS 'SELECT n, NULL::text';
CREATE FUNCTION functions.any_of(a anyelement, VARIADIC b anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION functions.configured() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = functions, pg_temp SET work_mem = '7MB' SET datestyle TO 'German' AS 'SELECT current_setting(''work_mem'')';
CREATE TABLE functions.used (id int PRIMARY KEY, v text);
INSERT INTO functions.used VALUES (1, 'a');
CREATE FUNCTION functions.by_row(u functions.used) RETURNS text LANGUAGE sql STABLE AS 'SELECT u.v || ''!''';
CREATE FUNCTION functions.atomic(n int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM functions.used WHERE id = n; END;
CREATE FUNCTION functions.returning_expression(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n + 1;
CREATE PROCEDURE functions.proc(a int, INOUT b int, OUT c text) LANGUAGE plpgsql AS $$ BEGIN c := 'x'; END $$;
CREATE FUNCTION functions.step(state numeric, v numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + coalesce($2, 0)';
CREATE FUNCTION functions.back(state numeric, v numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 - coalesce($2, 0)';
CREATE FUNCTION functions.done(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1::text';
CREATE AGGREGATE functions.total(numeric) (SFUNC = functions.step, STYPE = numeric, INITCOND = '0', FINALFUNC = functions.done, COMBINEFUNC = numeric_add, PARALLEL = SAFE, MSFUNC = functions.step, MINVFUNC = functions.back, MSTYPE = numeric, MFINALFUNC = functions.done);
COMMENT ON AGGREGATE functions.total(numeric) IS 'a sum';
CREATE INDEX used_by_row ON functions.used (functions.returning_expression(id));
CREATE FUNCTION functions.quote_default(a text DEFAULT 'it''s \', b timestamptz DEFAULT now(), c int[] DEFAULT '{1,2}') RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION functions.defined_first() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM functions.not_there); END';
