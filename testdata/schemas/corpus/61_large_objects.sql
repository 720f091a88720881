-- Large objects: empty, of one page, of several, with a hole, of another owner, with rights and a comment.
SELECT lo_create(4711), lo_from_bytea(4712, '\x00ff5c4e'), lo_from_bytea(4713, decode(repeat('0123456789abcdef', 3000), 'hex')), lo_create(4714), lo_from_bytea(4294967295, 'last');
SELECT lo_put(4714, 10000, 'after a hole');
COMMENT ON LARGE OBJECT 4712 IS 'four bytes';
GRANT SELECT ON LARGE OBJECT 4712 TO :"clerk", PUBLIC;
GRANT SELECT, UPDATE ON LARGE OBJECT 4713 TO :"auditor" WITH GRANT OPTION;
ALTER LARGE OBJECT 4713 OWNER TO :"clerk";
CREATE SCHEMA large;
CREATE TABLE large.attached (id int PRIMARY KEY, body oid);
INSERT INTO large.attached VALUES (1, 4713), (2, 4711), (3, NULL), (4, 99);
