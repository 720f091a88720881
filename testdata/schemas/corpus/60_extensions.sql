-- needs: citext hstore ltree pg_trgm pgcrypto btree_gist
-- Types, indexes and functions of the extensions that an owner of a database may install.
CREATE SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION hstore SCHEMA public;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA ext;
CREATE EXTENSION pgcrypto SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
COMMENT ON EXTENSION hstore IS 'said anew';
CREATE SCHEMA exts;
CREATE TABLE exts.t (id int PRIMARY KEY, c ext.citext UNIQUE, h public.hstore, l ext.ltree, lq ext.lquery, cs ext.citext[]);
INSERT INTO exts.t VALUES (1, 'MiXed', '"a"=>"1", "b\"c"=>NULL, ""=>"\\N"', 'Top.Science.Astronomy', '*.Astro*@|x', '{A,NULL}'), (2, '', '', '', 'a', '{}'), (3, NULL, NULL, NULL, NULL, NULL);
CREATE INDEX t_trgm ON exts.t USING gin ((c::text) ext.gin_trgm_ops);
CREATE INDEX t_ltree ON exts.t USING gist (l ext.gist_ltree_ops (siglen = 100));
CREATE INDEX t_hstore ON exts.t USING gist (h public.gist_hstore_ops);
CREATE TABLE exts.booked (room int, who ext.citext, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO exts.booked VALUES (1, 'A', '[2024-01-01,2024-01-02)'), (1, 'a', '[2024-01-02,2024-01-03)');
CREATE TABLE exts.secrets (id int PRIMARY KEY DEFAULT 1, hash text DEFAULT ext.crypt('x', ext.gen_salt('bf', 4)), key bytea);
INSERT INTO exts.secrets VALUES (1, 'h', '\x00');
CREATE VIEW exts.similar AS SELECT a.id FROM exts.t a JOIN exts.t b ON ext.similarity(a.c::text, b.c::text) > 0.5;
