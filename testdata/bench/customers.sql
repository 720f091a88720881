INSERT INTO customers
SELECT i, mailbox(i), person(i),
  CASE WHEN draw(i, 4, 10) < 9 THEN '+1 ' || 201 + draw(i, 5, 780) || '-' || 200 + draw(i, 6, 800) || '-' || lpad(draw(i, 7, 10000)::text, 4, '0') END,
  CASE WHEN draw(i, 8, 20) > 0 THEN date '1936-01-01' + draw(i, 9, 25500)::integer END,
  -- A walk through all numbers below a prime: unique, and in no order.
  lpad((i * 48271000 % 999999937)::text, 9, '0') || chr(65 + draw(i, 10, 26)::integer),
  1 + draw(i, 11, 400) || ' ' || family(draw(i, 12, 64)) || ' ' || ('{Street,Road,Avenue,Lane,Way,Square,Close,Hill}'::text[])[1 + draw(i, 13, 8)],
  family(draw(i, 14, 64)) || ('{ton,ville,berg,field,port,ford,dale,stad}'::text[])[1 + draw(i, 15, 8)],
  ('{US,US,US,GB,DE,FR,ES,NL}'::text[])[1 + draw(i, 16, 8)],
  CASE draw(i, 17, 8)
    WHEN 0 THEN NULL
    WHEN 1 THEN 'prefers delivery in the evening, leave it with the neighbour when nobody answers'
    WHEN 2 THEN person(i) || ' called about the late parcel, asked to be called back after lunch'
    WHEN 3 THEN 'write to ' || mailbox(i) || ' before the next invoice is sent, the old address is no longer read'
    WHEN 4 THEN 'moved last year, confirmed by telephone; discount of the old contract was kept'
    WHEN 5 THEN given(draw(i, 1, 64)) || ' returned two items in good condition, refund sent the same day'
    WHEN 6 THEN 'account shared with ' || person(i + 1) || ', see also ' || mailbox(i + 1)
    ELSE '' END,
  (draw(i, 18, 2000000) - 200000) / 100.0,
  draw(i, 19, 3) = 0,
  jsonb_build_object('language', ('{en,de,fr,es}'::text[])[1 + draw(i, 20, 4)], 'beta', draw(i, 22, 10) = 0),
  timestamptz '2016-01-01 00:00:00+00' + i * interval '150 seconds' + draw(i, 23, 150000000) * interval '1 microsecond'
FROM generate_series(1, :customers::bigint) AS i;
