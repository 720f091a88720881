-- Triggers: none of them fires while rows are loaded, and each arrives switched as it was.
CREATE SCHEMA triggers;
CREATE TABLE triggers.log (id serial PRIMARY KEY, what text);
CREATE TABLE triggers.watched (id int PRIMARY KEY, v text, touched text DEFAULT 'no');
CREATE FUNCTION triggers.spoil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO triggers.log (what) VALUES (TG_NAME || coalesce(TG_ARGV[0], ''));
  IF TG_LEVEL = 'ROW' AND TG_OP <> 'DELETE' THEN NEW.touched := 'yes'; RETURN NEW; END IF;
  RETURN NULL;
END $$;
INSERT INTO triggers.watched SELECT i, 'v' || i FROM generate_series(1, 20) i;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OF v ON triggers.watched FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION triggers.spoil('an ''argument''', '\x');
CREATE TRIGGER after_statement AFTER INSERT ON triggers.watched REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION triggers.spoil();
CREATE TRIGGER off BEFORE INSERT ON triggers.watched FOR EACH ROW EXECUTE FUNCTION triggers.spoil();
CREATE TRIGGER on_replica BEFORE INSERT ON triggers.watched FOR EACH ROW EXECUTE FUNCTION triggers.spoil();
CREATE TRIGGER on_always BEFORE INSERT ON triggers.watched FOR EACH ROW EXECUTE FUNCTION triggers.spoil();
CREATE TRIGGER truncated AFTER TRUNCATE ON triggers.watched EXECUTE FUNCTION triggers.spoil();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR DELETE ON triggers.watched DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION triggers.spoil();
ALTER TABLE triggers.watched DISABLE TRIGGER off;
ALTER TABLE triggers.watched ENABLE REPLICA TRIGGER on_replica;
ALTER TABLE triggers.watched ENABLE ALWAYS TRIGGER on_always;
COMMENT ON TRIGGER off ON triggers.watched IS 'switched off';
CREATE VIEW triggers.seen AS SELECT id, v FROM triggers.watched;
CREATE FUNCTION triggers.instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead_of INSTEAD OF INSERT OR UPDATE OR DELETE ON triggers.seen FOR EACH ROW EXECUTE FUNCTION triggers.instead();
CREATE TABLE triggers.searched (id int PRIMARY KEY, body text, search tsvector);
CREATE TRIGGER searchable BEFORE INSERT OR UPDATE ON triggers.searched FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('search', 'pg_catalog.english', 'body');
INSERT INTO triggers.searched VALUES (1, 'some foxes'), (2, 'others');
ALTER TABLE triggers.searched DISABLE TRIGGER searchable;
UPDATE triggers.searched SET search = 'by hand' WHERE id = 2;
ALTER TABLE triggers.searched ENABLE TRIGGER searchable;
