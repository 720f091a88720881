-- Types made of others: arrays, composites, domains over each other, enums with late labels.
CREATE SCHEMA made;
CREATE TYPE made.mood AS ENUM ('sad', 'it''s "ok"', '', 'happy, very', E'back\\slash');
ALTER TYPE made.mood ADD VALUE 'so so' BEFORE 'it''s "ok"';
ALTER TYPE made.mood ADD VALUE 'first' BEFORE 'sad';
ALTER TYPE made.mood RENAME VALUE 'sad' TO 'blue';
COMMIT; -- a label may be used once it is committed
CREATE TYPE made.empty_enum AS ENUM ();
CREATE TYPE made.address AS (street text, "house No" integer, tags text[], at tstzrange);
CREATE TYPE made.nested AS (one made.address, many made.address[], feels made.mood);
ALTER TYPE made.address ADD ATTRIBUTE gone int;
ALTER TYPE made.address DROP ATTRIBUTE gone;
ALTER TYPE made.address ADD ATTRIBUTE country char(2);
CREATE DOMAIN made.short AS varchar(20) DEFAULT 'none' CONSTRAINT not_blank CHECK (VALUE <> '');
CREATE DOMAIN made.handle AS made.short NOT NULL CHECK (VALUE !~ '\s');
CREATE DOMAIN made.handles AS made.handle[] CHECK (cardinality(VALUE) < 10);
CREATE DOMAIN made.folded AS text COLLATE "C";
CREATE DOMAIN made.unproven AS int;
CREATE DOMAIN made.located AS made.address CHECK ((VALUE).country <> 'XX');
COMMENT ON DOMAIN made.short IS 'twenty at most';
COMMENT ON CONSTRAINT not_blank ON DOMAIN made.short IS 'a name is no blank';
COMMENT ON COLUMN made.address.street IS 'without the number';
CREATE TABLE made.lists (id int PRIMARY KEY, i int[], grid int[][], t text[], m made.mood[], n numeric(6,2)[], ts timestamptz[], b bytea[], j jsonb[]);
INSERT INTO made.lists VALUES (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'), (2, '[0:2]={1,NULL,3}', '[-1:0][5:6]={{1,2},{3,4}}', ARRAY['', 'NULL', NULL, '"q"', E'a\\b', 'c,d', '{e}', ' f ', E'g\nh', '\N'], ARRAY['', 'so so', NULL]::made.mood[], '{NaN,1.10}', '{infinity,"0044-03-15 00:00:00+00 BC"}', ARRAY['\x', '\x00']::bytea[], ARRAY['null', NULL, '{"a": "\""}']::jsonb[]),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (4, '{1}', '{{1}}', ARRAY[['a', 'b'], ['c', NULL]], NULL, NULL, NULL, NULL, NULL);
CREATE INDEX lists_t ON made.lists USING gin (t);
CREATE TABLE made.wholes (id int PRIMARY KEY, feels made.mood DEFAULT 'happy, very', a made.address, n made.nested, aa made.address[], s made.short, h made.handle, hs made.handles, f made.folded, l made.located);
INSERT INTO made.wholes VALUES (1, 'first', ROW('Main "St"', 7, '{a,"b c",NULL}', 'empty', 'DE'), ROW(ROW(NULL, NULL, NULL, NULL, NULL), '{}', ''), '{}', 'x', 'me', '{a,b}', 'Z', NULL),
  (2, NULL, ROW('', NULL, '{}', NULL, NULL), NULL, ARRAY[ROW(E'\\N,()', 1, NULL, '(,)', 'FR'), NULL]::made.address[], NULL, E'\\.', NULL, '', ROW('x', 1, NULL, NULL, 'DE')), (3, E'back\\slash', NULL, NULL, NULL, 'none', 'y', '{}', NULL, NULL);
ALTER DOMAIN made.unproven ADD CONSTRAINT later CHECK (VALUE > 0) NOT VALID;
CREATE TABLE made.typed OF made.nested (CONSTRAINT typed_feels CHECK (feels IS NOT NULL));
INSERT INTO made.typed VALUES (NULL, NULL, 'blue');
