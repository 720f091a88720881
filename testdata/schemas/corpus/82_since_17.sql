-- since: 17
-- What PostgreSQL 17 brought: identity and generated columns on partitions, exclusion on partitioned tables.
CREATE SCHEMA since17;
CREATE TABLE since17.events (id bigint GENERATED ALWAYS AS IDENTITY, at date NOT NULL, n int, twice int GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (at);
CREATE TABLE since17.events_1 PARTITION OF since17.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE since17.events_2 (twice int GENERATED ALWAYS AS (n * 3) STORED, n int, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE since17.events ATTACH PARTITION since17.events_2 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO since17.events (at, n) SELECT date '2024-06-01' + i * 30, i FROM generate_series(1, 18) i;
CREATE TABLE since17.booked (room int, during daterange, EXCLUDE USING gist (int4range(room, room, '[]') WITH =, during WITH &&));
CREATE TABLE since17.slots (day date, during int4range, EXCLUDE USING gist (during WITH &&, daterange(day, day, '[]') WITH =));
CREATE COLLATION since17.builtin (provider = builtin, locale = 'C.UTF-8');
CREATE TABLE since17.collated (v text COLLATE since17.builtin PRIMARY KEY);
INSERT INTO since17.collated VALUES ('ä');
CREATE TABLE since17.target (id int, v text);
ALTER TABLE since17.target ALTER v SET STATISTICS DEFAULT;
INSERT INTO since17.target VALUES (1, 'v');
CREATE TABLE since17.spans (i interval);
INSERT INTO since17.spans VALUES ('infinity'), ('-infinity');
