-- Documents: JSON whose spelling counts, jsonb whose does not, XML, text search, JSON paths.
CREATE SCHEMA documents;
CREATE TABLE documents.json (id int PRIMARY KEY, j json, b jsonb, p jsonpath);
INSERT INTO documents.json VALUES (1, 'null', 'null', '$'), (2, NULL, NULL, NULL), (3, ' { "a" : 1 , "a" : 2.50 } ', '{"a": 1, "b": [null, "\\N", "\n", "\"", "\u00e4"]}', '$.a[*] ? (@ > 2)'),
  (4, '"\u0000 stays text"', '{"": {"": ""}}', 'strict $."quoted key"'), (5, '[]', '123456789012345678901234567890.000', '$.**'), (6, '{}', '{}', '$'), (7, 'true', '"C:\\New \\. folder"', NULL);
CREATE INDEX json_b ON documents.json USING gin (b jsonb_path_ops);
CREATE INDEX json_a ON documents.json ((b ->> 'a'), (b -> 'b' -> 0));
CREATE TABLE documents.xml (id int PRIMARY KEY, x xml);
INSERT INTO documents.xml VALUES (1, '<a b="c">&amp;<!-- d --></a>'), (2, 'content <b/> only'), (3, NULL), (4, ''), (5, '<?xml version="1.0"?><r><![CDATA[\N <x>]]></r>'), (6, E'<l>\n\t\\N\n</l>');
CREATE TABLE documents.search (id int PRIMARY KEY, v tsvector, q tsquery, w text);
INSERT INTO documents.search VALUES (1, $$'a':1A,2B 'fat\\cat':16383 'it''s'$$, $$'a' & !( 'b':*A | 'c' <-> 'd' )$$, 'a'), (2, '', '', ''), (3, to_tsvector('english', 'The quick brown foxes'), to_tsquery('english', 'fox'), NULL);
CREATE INDEX search_v ON documents.search USING gin (v);
CREATE TEXT SEARCH DICTIONARY documents.stem (TEMPLATE = snowball, language = german, stopwords = german);
CREATE TEXT SEARCH CONFIGURATION documents.german (COPY = pg_catalog.german);
ALTER TEXT SEARCH CONFIGURATION documents.german ALTER MAPPING FOR asciiword, word WITH documents.stem, simple;
ALTER TEXT SEARCH CONFIGURATION documents.german DROP MAPPING FOR url;
COMMENT ON TEXT SEARCH CONFIGURATION documents.german IS 'without addresses';
COMMENT ON TEXT SEARCH DICTIONARY documents.stem IS 'stems';
CREATE INDEX search_w ON documents.search USING gin (to_tsvector('documents.german', w));
