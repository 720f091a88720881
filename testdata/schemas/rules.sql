-- What the rules must understand of a real catalog: each table holds one thing that a mask could break.
CREATE DOMAIN handle AS text CHECK (VALUE <> '');

CREATE TABLE person (
    id integer PRIMARY KEY,
    email varchar(80),
    nick handle,
    closed timestamptz,
    CONSTRAINT has_at CHECK (email LIKE '%@%')
);
CREATE UNIQUE INDEX person_email_lower ON person (lower(email));
CREATE UNIQUE INDEX person_email_open ON person (email) WHERE closed IS NULL;

CREATE TABLE digest (email text NOT NULL);
CREATE UNIQUE INDEX digest_md5 ON digest (md5(email));

-- Rows whose key is masked may move; the default partition takes what fits nowhere else.
CREATE TABLE visit (person_id integer NOT NULL REFERENCES person, day date NOT NULL, note text) PARTITION BY RANGE (day);
CREATE TABLE visit_2024 (note text, day date NOT NULL, person_id integer NOT NULL);
ALTER TABLE visit ATTACH PARTITION visit_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE visit_rest PARTITION OF visit DEFAULT;

-- The same without a default partition, one level down.
CREATE TABLE trip (person_id integer NOT NULL REFERENCES person, day date NOT NULL) PARTITION BY LIST (person_id);
CREATE TABLE trip_low PARTITION OF trip FOR VALUES IN (1, 2, 3) PARTITION BY RANGE (day);
CREATE TABLE trip_low_2024 PARTITION OF trip_low FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE trip_rest PARTITION OF trip DEFAULT;

CREATE TABLE spread (person_id integer NOT NULL REFERENCES person, day date NOT NULL) PARTITION BY HASH (person_id);
CREATE TABLE spread_0 PARTITION OF spread FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE spread_1 PARTITION OF spread FOR VALUES WITH (MODULUS 2, REMAINDER 1);

CREATE TABLE pair (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE pair_user (a integer, b integer, FOREIGN KEY (a, b) REFERENCES pair (a, b) MATCH FULL);

CREATE TABLE booking (room integer, during daterange, EXCLUDE USING gist (during WITH &&));

CREATE TABLE base (id integer, email text);
CREATE TABLE derived (extra text) INHERITS (base);
ALTER TABLE derived ADD COLUMN initials text GENERATED ALWAYS AS (left(extra, 1)) STORED;
