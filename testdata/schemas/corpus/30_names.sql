-- Names: blanks, quotes, dots, keywords, capitals, letters of others, as long as a name may be.
CREATE SCHEMA "Foo Bar";
CREATE SCHEMA "select";
CREATE TYPE "Foo Bar"."Müd'e" AS ENUM ('ja "doch"', 'nein');
CREATE TABLE "Foo Bar"."With a space" ("select" int PRIMARY KEY, "Mixed.Case" text DEFAULT 'A "b"', "quo""te" text, "ünïcödé" "Foo Bar"."Müd'e", "$1" int, "a\b" text, "tab	ulator" text, "%s" text, ":colon" text);
INSERT INTO "Foo Bar"."With a space" VALUES (1, 'a', 'b', 'nein', 2, 'c', 'd', 'e', 'f'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "select"."table" ("from" int PRIMARY KEY REFERENCES "Foo Bar"."With a space" ("select"), "where" text);
INSERT INTO "select"."table" VALUES (2, 'x');
CREATE TABLE "Foo Bar"."äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüx" ("äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüy" int PRIMARY KEY);
INSERT INTO "Foo Bar"."äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüx" VALUES (1);
CREATE INDEX "an index; with ""all""" ON "Foo Bar"."With a space" ("Mixed.Case", ("quo""te" || 'x'));
CREATE VIEW "Foo Bar"."View; -- no comment" AS SELECT "select", "quo""te" AS "as ""is""" FROM "Foo Bar"."With a space";
CREATE FUNCTION "Foo Bar"."Do It"("Arg One" int, OUT "select" int) LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE SEQUENCE "Foo Bar"."Se'q""uence";
SELECT nextval('"Foo Bar"."Se''q""uence"');
CREATE TABLE "Foo Bar"."WITH A SPACE" (id int PRIMARY KEY);
CREATE TABLE "Foo Bar"."with a space" (id int PRIMARY KEY);
INSERT INTO "Foo Bar"."with a space" VALUES (1), (2);
CREATE TABLE "Foo Bar"."a.b" ("c.d" int PRIMARY KEY);
CREATE TABLE "Foo Bar"."line
break" ("in
it" int);
INSERT INTO "Foo Bar"."line
break" VALUES (1);
COMMENT ON TABLE "Foo Bar"."line
break" IS 'over
two lines';
