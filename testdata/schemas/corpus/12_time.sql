-- Time: before Christ, without end, at the edge of a day, and intervals whose parts do not add up.
CREATE SCHEMA times;
CREATE TABLE times.points (id int PRIMARY KEY, d date, t time, tz timetz, at timestamp, atz timestamptz, coarse timestamptz(0));
INSERT INTO times.points VALUES
  (1, '4713-01-01 BC', '00:00', '00:00+14', '4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC', 'epoch'),
  (2, '5874897-12-31', '24:00', '24:00-12', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', 'infinity'),
  (3, 'infinity', '23:59:59.999999', '23:59:59.999999+05:45', 'infinity', 'infinity', '-infinity'),
  (4, '-infinity', NULL, NULL, '-infinity', '-infinity', NULL),
  (5, '2024-02-29', '12:00:00.000001', '01:00:00+01:00:30', '2024-03-31 02:30:00', '2024-03-31 02:30:00 Europe/Berlin', '2024-10-27 02:30:00+02'),
  (6, '0001-12-31 BC', NULL, NULL, '0044-03-15 12:00:00 BC', '1883-11-18 12:03:57 America/New_York', NULL);
CREATE TABLE times.spans (id int PRIMARY KEY, i interval, y interval year to month, s interval second(3));
INSERT INTO times.spans VALUES (1, '1 year -2 mons +3 days -04:05:06.000007', '178000000 years', '-00:00:00.001'), (2, '-178000000 years', '-1 mon', '0'),
  (3, '1 day -24:00', NULL, NULL), (4, '0', '0', '0'), (5, '00:00:00.000001', '14 months', '59.999'), (6, '100000 hours', NULL, NULL);
