-- Expressions that the server spells otherwise once it has read its own spelling: a copy is no worse for that.
CREATE SCHEMA spelling;
CREATE TABLE spelling.t (id int PRIMARY KEY, v varchar(10) DEFAULT 'a' CHECK (v IN ('a', 'b')), w varchar, d numeric(10, 2) DEFAULT 0.10::float, c char(3) CHECK (c IN ('x', 'y')), CONSTRAINT either CHECK ((v IN ('a', 'b')) OR (w NOT IN ('c', 'd') AND w LIKE 'e%')));
INSERT INTO spelling.t VALUES (1, 'a', 'x', 1, 'x');
CREATE INDEX t_some ON spelling.t (lower(w)) WHERE v IN ('a', 'b');
CREATE INDEX t_case ON spelling.t ((CASE WHEN v IN ('a', 'b') THEN 1 ELSE 2 END));
CREATE VIEW spelling.some AS SELECT id, v FROM spelling.t WHERE v IN ('a', 'b') AND w = ANY ('{c,d}') AND c BETWEEN 'a' AND 'z';
CREATE VIEW spelling.joined AS SELECT * FROM spelling.t NATURAL JOIN (SELECT id, w AS u FROM spelling.t) s;
CREATE TABLE spelling.renamed (a int, b int);
CREATE VIEW spelling.of_renamed AS SELECT * FROM spelling.renamed r JOIN spelling.t ON r.a = t.id;
ALTER TABLE spelling.renamed RENAME COLUMN b TO "v ";
ALTER TABLE spelling.renamed ADD COLUMN v int;
CREATE POLICY of_some ON spelling.t USING (v IN ('a', 'b'));
CREATE FUNCTION spelling.fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER when_some BEFORE UPDATE ON spelling.t FOR EACH ROW WHEN (NEW.v IN ('a', 'b')) EXECUTE FUNCTION spelling.fired();
CREATE DOMAIN spelling.letter AS varchar(3) CHECK (VALUE IN ('a', 'b'));
CREATE TABLE spelling.letters (l spelling.letter);
CREATE STATISTICS spelling.s ON (v IN ('a', 'b')), w FROM spelling.t;
