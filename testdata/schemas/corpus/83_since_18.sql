-- since: 18
-- needs: btree_gist
-- What PostgreSQL 18 brought: virtual columns, constraints with names that are not enforced, keys over time.
CREATE SCHEMA since18;
CREATE TABLE since18.computed (id int PRIMARY KEY, a int, virtual int GENERATED ALWAYS AS (a * 2) VIRTUAL, implied int GENERATED ALWAYS AS (a + 1), stored int GENERATED ALWAYS AS (a * 3) STORED);
INSERT INTO since18.computed (id, a) VALUES (1, 5), (2, NULL);
CREATE TABLE since18.loose (id int PRIMARY KEY, n int, CONSTRAINT not_held CHECK (n > 0) NOT ENFORCED, CONSTRAINT named_not_null NOT NULL n);
INSERT INTO since18.loose VALUES (1, -5);
CREATE TABLE since18.child (extra int, CONSTRAINT not_here NOT NULL extra NO INHERIT) INHERITS (since18.loose);
INSERT INTO since18.child VALUES (2, 3, 4);
CREATE TABLE since18.late (id int, late int);
INSERT INTO since18.late VALUES (1, 2);
ALTER TABLE since18.late ADD CONSTRAINT late_given NOT NULL late NOT VALID;
CREATE TABLE since18.refers (id int PRIMARY KEY, loose int, CONSTRAINT not_followed FOREIGN KEY (loose) REFERENCES since18.loose NOT ENFORCED);
INSERT INTO since18.refers VALUES (1, 77);
CREATE TABLE since18.rooms (room int, during daterange, price int, CONSTRAINT rooms_key PRIMARY KEY (room, during WITHOUT OVERLAPS));
CREATE TABLE since18.stays (guest int, room int, during daterange, CONSTRAINT in_room FOREIGN KEY (room, PERIOD during) REFERENCES since18.rooms (room, PERIOD during), UNIQUE (guest, during WITHOUT OVERLAPS));
INSERT INTO since18.rooms VALUES (1, '[2024-01-01,2024-02-01)', 10), (1, '[2024-02-01,2024-03-01)', 12);
INSERT INTO since18.stays VALUES (7, 1, '[2024-01-15,2024-02-15)');
CREATE TABLE since18.parted (id int, ref int, at date) PARTITION BY RANGE (at);
CREATE TABLE since18.parted_1 PARTITION OF since18.parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO since18.parted VALUES (1, 1, '2024-05-05');
CREATE TABLE since18.parent (id int PRIMARY KEY);
INSERT INTO since18.parent VALUES (1);
ALTER TABLE since18.parted ADD CONSTRAINT unproven FOREIGN KEY (ref) REFERENCES since18.parent NOT VALID;
