-- Bytes, bits, addresses, geometry, and identifiers of the server's own.
CREATE SCHEMA bits;
CREATE TABLE bits.bytes (id int PRIMARY KEY, b bytea, fixed bit(5), free varbit, u uuid);
INSERT INTO bits.bytes VALUES (1, '\x', B'00000', B'', '00000000-0000-0000-0000-000000000000'), (2, '\x00ff5c4e0a5c2e0a', B'10101', B'1', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (3, decode(repeat('00', 20000), 'hex'), NULL, repeat('10', 500)::varbit, NULL), (4, NULL, NULL, NULL, NULL), (5, 'plain \\N \\. text', B'11111', B'0000000000000000001', gen_random_uuid());
CREATE TABLE bits.net (id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8);
INSERT INTO bits.net VALUES (1, '10.1.2.3/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:ff:fe:01:02:03'), (2, '::1', '::/0', 'ff:ff:ff:ff:ff:ff', '08:00:2b:01:02:03:04:05'),
  (3, '::ffff:1.2.3.4/128', '2001:db8::/32', NULL, NULL), (4, '0.0.0.0/0', '192.168.100.128/25', NULL, NULL);
CREATE TABLE bits.shapes (id int PRIMARY KEY, p point, l line, s lseg, b box, pa path, po polygon, c circle);
INSERT INTO bits.shapes VALUES (1, '(1.1,-2.2)', '{1,-1,0}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(0,0),1.5>'),
  (2, '(NaN,Infinity)', '{0,1,-2}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0),(1,1))', '((0.1,0.2))', '<(1e300,0),0>'), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE INDEX shapes_b ON bits.shapes USING gist (b);
CREATE INDEX shapes_p ON bits.shapes USING spgist (p);
CREATE TABLE bits.servers (id int PRIMARY KEY, o oid, lsn pg_lsn, x xid, x8 xid8, c cid, ti tid, snap pg_snapshot, old txid_snapshot);
INSERT INTO bits.servers VALUES (1, 4294967295, 'FFFFFFFF/FFFFFFFF', '4294967295', '18446744073709551615', '7', '(4294967295,65535)', '10:20:10,14,15', '10:20:10'),
  (2, 0, '0/0', '0', '0', '0', '(0,1)', '1:1:', NULL);
CREATE TABLE bits.names (id int PRIMARY KEY, cl regclass, ty regtype, pr regprocedure, f regproc, op regoperator, ns regnamespace, ro regrole, co regcollation, tc regconfig, td regdictionary);
INSERT INTO bits.names VALUES (1, 'bits.shapes', 'bits.shapes', 'lower(text)', 'now', '+(int,int)', 'bits', :'owner', '"C"', 'english', 'simple'),
  (2, NULL, 'numeric(10,2)[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'pg_class', 'timestamptz', NULL, NULL, NULL, 'pg_catalog', NULL, NULL, NULL, NULL);
CREATE TABLE bits.vectors (id int PRIMARY KEY, i int2vector, o oidvector, acl aclitem[]);
INSERT INTO bits.vectors VALUES (1, '1 2 3', '4294967295 0', NULL), (2, '', '', ARRAY['=r/' || :'owner']::aclitem[]);
