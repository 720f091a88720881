-- Ranges and multiranges, the user's own among them.
CREATE SCHEMA ranges;
CREATE FUNCTION ranges.apart(a time, b time) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS 'SELECT extract(epoch FROM (a - b))::float8';
CREATE TYPE ranges.hours AS RANGE (subtype = time, subtype_diff = ranges.apart, multirange_type_name = ranges.shifts);
COMMENT ON TYPE ranges.hours IS 'part of a day';
CREATE TABLE ranges.spans (id int PRIMARY KEY, i int4range, b int8range, n numrange, t tsrange, tz tstzrange, d daterange, h ranges.hours);
INSERT INTO ranges.spans VALUES (1, 'empty', '(,)', '(1.10,2.0]', '[2024-01-01,)', '(,2024-01-01 00:00+02)', '[2024-01-01,2024-01-01]', '[08:00,17:00)'), (2, '[1,1]', '[5,6)', '[NaN,NaN]', '[-infinity,infinity]', 'empty', '(,)', 'empty'),
  (3, NULL, NULL, '[,5)', NULL, '["2024-01-01 10:00:00.000001+00",]', '[infinity,]', '(,)');
CREATE TABLE ranges.many (id int PRIMARY KEY, i int4multirange, n nummultirange, d datemultirange, z tstzmultirange, h ranges.shifts, a int4range[]);
INSERT INTO ranges.many VALUES (1, '{}', '{[1,2),(3,4]}', '{[2024-01-01,2024-02-01),[2025-01-01,)}', '{(,2024-01-01 00:00+00)}', '{[08:00,12:00),[13:00,17:00)}', '{"[1,2)",empty,NULL}'), (2, '{[1,3),[5,7)}', NULL, '{}', '{}', '{}', '{}');
CREATE INDEX spans_tz ON ranges.spans USING gist (tz, i);
CREATE TABLE ranges.booked (room int, during tstzrange NOT NULL, CONSTRAINT booked_once EXCLUDE USING gist (during WITH &&, int4range(room, room, '[]') WITH =) WHERE (room > 0));
INSERT INTO ranges.booked VALUES (1, '[2024-01-01,2024-01-02)'), (1, '[2024-01-02,2024-01-03)'), (2, '[2024-01-01,2024-01-09)');
