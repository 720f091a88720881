INSERT INTO order_items
SELECT i, 1 + (i - 1) * :orders / :items, 1 + draw(i, 64, 50000), 1 + draw(i, 65, 5), (99 + draw(i, 66, 20000)) / 100.0,
  draw(i, 67, 4) * 0.05
FROM generate_series(:first::bigint, :last::bigint) AS i;
