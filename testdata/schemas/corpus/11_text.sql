-- Text: everything that COPY or a careless reader could take for something else.
CREATE SCHEMA texts;
CREATE TABLE texts.plain (id int PRIMARY KEY, t text, v varchar(40), c char(12), n name, one "char");
INSERT INTO texts.plain VALUES
  (1, '\N', '\N', '\N', '\N', 'N'), (2, '\.', '\.', '\.', '\.', '.'), (3, '', '', '', '', ''), (4, NULL, NULL, NULL, NULL, NULL),
  (5, 'C:\New folder\table', E'tab\there', E'line\nbreak', 'NULL', E'\\'), (6, E'cr\rlf\r\nend', E'\b\f\v', '   ', 'x', ' '),
  (7, E'\x01\x02\x1f\x7f', 'trailing  ', 'trailing  ', 'trailing  ', 'x'), (8, 'Grüße, 東京, 🦄, e' || U&'\0301', 'ẞßſ', 'ﷺ', 'ünï', 'u'),
  (9, '"quoted", and ''single''', '{}', '[]', '()', ','), (10, E'\\\\N', E'\\\\', E'a\\', 'b', 'c'), (11, E'\\N\n\\.\n', '\x', '\0', E'\\t', 't'),
  (12, repeat('wide ', 50000), NULL, NULL, NULL, NULL), (13, U&'\FEFF\200B\00A0', U&'\202E', NULL, NULL, NULL);
CREATE TABLE texts.collated (id int PRIMARY KEY, c text COLLATE "C", p text COLLATE "POSIX", i text COLLATE "und-x-icu");
INSERT INTO texts.collated VALUES (1, 'a', 'b', 'ä'), (2, 'A', 'B', 'Ä');
CREATE INDEX collated_i ON texts.collated (i COLLATE "de-x-icu" DESC NULLS LAST, c text_pattern_ops);
CREATE COLLATION texts.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION texts.natural (provider = icu, locale = 'en-u-kn-true');
COMMENT ON COLLATION texts.nocase IS 'letters of both cases are one';
CREATE TABLE texts.folded (word text COLLATE texts.nocase PRIMARY KEY, rank text COLLATE texts.natural);
INSERT INTO texts.folded VALUES ('Straße', 'a10'), ('apple', 'a2');
