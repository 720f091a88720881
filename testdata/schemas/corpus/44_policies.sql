-- Row security: enabled, forced, and policies that stand there without being enabled.
CREATE SCHEMA policies;
CREATE TABLE policies.forced (id int PRIMARY KEY, owner name DEFAULT current_user, hidden boolean);
INSERT INTO policies.forced VALUES (1, 'a', true), (2, 'b', false);
CREATE POLICY mine ON policies.forced USING (owner = current_user);
CREATE POLICY written ON policies.forced AS RESTRICTIVE FOR UPDATE TO :"clerk", :"auditor" USING (NOT hidden) WITH CHECK (id < 1000);
CREATE POLICY inserted ON policies.forced FOR INSERT TO PUBLIC WITH CHECK (EXISTS (SELECT FROM pg_class WHERE relname = owner));
COMMENT ON POLICY mine ON policies.forced IS 'everybody sees their own';
ALTER TABLE policies.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE policies.asleep (id int PRIMARY KEY);
INSERT INTO policies.asleep VALUES (1);
CREATE POLICY nobody ON policies.asleep FOR DELETE USING (false);
CREATE TABLE policies.no_policy (id int PRIMARY KEY);
INSERT INTO policies.no_policy VALUES (1);
ALTER TABLE policies.no_policy ENABLE ROW LEVEL SECURITY;
