-- as: superuser
-- What would act by itself on the copy, or reach out of it: none of it arrives awake.
CREATE SCHEMA reach;
CREATE TABLE reach.t (id int PRIMARY KEY, v text);
INSERT INTO reach.t VALUES (1, 'a');
CREATE FUNCTION reach.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''never on a copy''; END';
CREATE EVENT TRIGGER corpus_ddl ON ddl_command_start WHEN TAG IN ('CREATE TEXT SEARCH TEMPLATE', 'DROP TEXT SEARCH TEMPLATE') EXECUTE FUNCTION reach.on_ddl();
COMMENT ON EVENT TRIGGER corpus_ddl IS 'noisy';
CREATE PUBLICATION corpus_some FOR TABLE reach.t WITH (publish = 'insert, update');
CREATE PUBLICATION corpus_all FOR ALL TABLES;
COMMENT ON PUBLICATION corpus_all IS 'everything';
CREATE SUBSCRIPTION corpus_sub CONNECTION 'host=production.invalid password=canary' PUBLICATION far WITH (connect = false, slot_name = NONE);
COMMENT ON SUBSCRIPTION corpus_sub IS 'from afar';
