-- Numbers: the ends of their ranges, what is no number, and scales that a float would lose.
CREATE SCHEMA numbers;
CREATE TABLE numbers.whole (id int PRIMARY KEY, small smallint, normal integer, big bigint, flag boolean);
INSERT INTO numbers.whole VALUES (1, -32768, -2147483648, -9223372036854775808, true), (2, 32767, 2147483647, 9223372036854775807, false),
  (3, 0, 0, 0, NULL), (4, NULL, NULL, NULL, NULL);
CREATE TABLE numbers.exact (id int PRIMARY KEY, free numeric, money_like numeric(12, 2), cash money);
INSERT INTO numbers.exact VALUES (1, 'NaN', 'NaN', '-92233720368547758.08'), (2, 'Infinity', NULL, '92233720368547758.07'), (3, '-Infinity', NULL, '0'),
  (4, 0.000, 0.00, '0.10'), (5, 1.10, 9999999999.99, '-0.01'), (6, 10::numeric ^ 200 + 1, -0.01, NULL), (7, 1e-300, NULL, '1234.5'),
  (8, '1.000000000000000000000000000000000000000000000000000001', 1, '7');
CREATE TABLE numbers.float (id int PRIMARY KEY, single real, twice double precision);
INSERT INTO numbers.float VALUES (1, 'NaN', 'NaN'), (2, 'Infinity', '-Infinity'), (3, '-0', '-0'), (4, 0.1, 0.1), (5, 1e-45, 5e-324),
  (6, 3.4028235e38, 1.7976931348623157e308), (7, 1.0000001, 0.1::float8 + 0.2::float8), (8, NULL, NULL);
