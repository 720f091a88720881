-- How rows are kept: storage, compression, targets, options, cluster, replica identity.
CREATE SCHEMA storage;
CREATE TABLE storage.tuned (id int PRIMARY KEY, ext text, ext_ended text, main text, plain varchar(100), squeezed text COMPRESSION pglz, guessed text, n numeric)
  WITH (fillfactor = 60, autovacuum_enabled = false, autovacuum_vacuum_scale_factor = 0.01, toast_tuple_target = 256, parallel_workers = 3, user_catalog_table = false, toast.autovacuum_enabled = false, toast.vacuum_index_cleanup = off);
ALTER TABLE storage.tuned ALTER ext SET STORAGE EXTERNAL, ALTER ext_ended SET STORAGE EXTENDED, ALTER main SET STORAGE MAIN, ALTER plain SET STORAGE PLAIN, ALTER n SET STORAGE PLAIN;
ALTER TABLE storage.tuned ALTER guessed SET STATISTICS 1000, ALTER ext SET STATISTICS 0, ALTER guessed SET (n_distinct = -0.25, n_distinct_inherited = 12);
CREATE INDEX tuned_guessed ON storage.tuned (guessed);
ALTER TABLE storage.tuned CLUSTER ON tuned_guessed;
ALTER TABLE storage.tuned REPLICA IDENTITY FULL;
INSERT INTO storage.tuned SELECT i, repeat('e', 3000), repeat('x', 3000), repeat('m', 3000), 'p', repeat('s', 5000), 'g' || i % 3, i FROM generate_series(1, 20) i;
CREATE TABLE storage.nothing_identifies (id int);
ALTER TABLE storage.nothing_identifies REPLICA IDENTITY NOTHING;
CREATE UNLOGGED TABLE storage.fleeting (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text);
INSERT INTO storage.fleeting (t) VALUES ('kept all the same');
CREATE TABLE storage.parted (a int, t text) PARTITION BY RANGE (a);
ALTER TABLE storage.parted ALTER t SET STATISTICS 33, ALTER t SET STORAGE EXTERNAL;
CREATE TABLE storage.parted_1 PARTITION OF storage.parted FOR VALUES FROM (0) TO (10) WITH (autovacuum_enabled = off);
CREATE UNLOGGED TABLE storage.parted_2 PARTITION OF storage.parted FOR VALUES FROM (10) TO (20);
INSERT INTO storage.parted VALUES (1, 'a'), (11, 'b');
