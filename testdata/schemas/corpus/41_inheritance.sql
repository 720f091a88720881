-- Inheritance: several parents, columns merged, children made to inherit later, rows at every level.
CREATE SCHEMA heirs;
CREATE TABLE heirs.base (id int PRIMARY KEY, name text DEFAULT 'base', CONSTRAINT named CHECK (name <> ''), CONSTRAINT only_here CHECK (id > 0) NO INHERIT);
CREATE TABLE heirs.dated (at date NOT NULL, name text);
CREATE TABLE heirs.child (extra text, CONSTRAINT extra_own CHECK (extra <> 'x')) INHERITS (heirs.base);
CREATE TABLE heirs.both (more int, name text DEFAULT 'both') INHERITS (heirs.base, heirs.dated);
CREATE TABLE heirs.grandchild (deep text) INHERITS (heirs.both);
CREATE TABLE heirs.late (last text, name text, CONSTRAINT named CHECK (name <> ''), id int NOT NULL);
ALTER TABLE heirs.late INHERIT heirs.base;
CREATE TABLE heirs.left_home () INHERITS (heirs.base);
ALTER TABLE heirs.left_home NO INHERIT heirs.base;
INSERT INTO heirs.base VALUES (1, 'one');
INSERT INTO heirs.dated VALUES ('2024-01-01', NULL);
INSERT INTO heirs.child VALUES (2, 'two', 'e');
INSERT INTO heirs.both VALUES (3, 'three', '2024-02-02', 5);
INSERT INTO heirs.grandchild VALUES (4, 'four', '-infinity', NULL, 'deep');
INSERT INTO heirs.late VALUES ('last', 'five', 5);
INSERT INTO heirs.left_home VALUES (6, 'six');
ALTER TABLE heirs.child ALTER name SET DEFAULT 'child', ALTER name SET STATISTICS 10;
