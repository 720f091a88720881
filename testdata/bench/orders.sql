INSERT INTO orders
SELECT i, c, ('{paid,paid,paid,shipped,shipped,delivered,delivered,returned}'::text[])[1 + draw(i, 33, 8)],
  timestamptz '2018-01-01 00:00:00+00' + i * interval '50 seconds' + draw(i, 34, 50000000) * interval '1 microsecond',
  (500 + draw(i, 35, 50000)) / 100.0,
  mailbox(c), person(CASE WHEN draw(i, 37, 10) = 0 THEN c + 1 ELSE c END), draw(i, 38, 6) = 0
FROM (SELECT i, 1 + draw(i, 32, :customers) AS c FROM generate_series(1, :orders::bigint) AS i OFFSET 0) AS o;
