-- since: 16
-- What PostgreSQL 16 brought: storage said with the column, ICU rules, underscores in numbers.
CREATE SCHEMA since16;
CREATE TABLE since16.t (id int PRIMARY KEY, external text STORAGE EXTERNAL, plain text STORAGE MAIN);
INSERT INTO since16.t VALUES (1_000, 'a', 'b');
CREATE COLLATION since16.ruled (provider = icu, locale = 'und', rules = '&a < g');
CREATE TABLE since16.sorted (v text COLLATE since16.ruled);
INSERT INTO since16.sorted VALUES ('g'), ('b');
