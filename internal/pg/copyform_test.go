package pg

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copybinary"
	"github.com/lethedb/lethe/internal/masked"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// formsSchema has a column of every builtin type that rows are made of, and some of users' and extensions'.
const formsSchema = `CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (value > 0);
	CREATE DOMAIN numbers AS int[]; CREATE DOMAIN odd AS text; CREATE TYPE pair AS (a int, b text);
	CREATE TABLE forms (id bigint, i2 int2, i4 int4, n numeric, np numeric(9,2), f4 real, f8 float8, m money, b bool, t text, v varchar(80), c char(60), ci citext,
		na name, d date, ts timestamp, tz timestamptz, tt time, ttz timetz, i interval, u uuid, j json, jb jsonb, jp jsonpath, by bytea, ip inet, ci2 cidr, mac macaddr, mac8 macaddr8,
		bi bit(3), vb varbit, tsv tsvector, ch "char", o oid, lsn pg_lsn, x8 xid8, r4 int4range, rtz tstzrange, mr int8multirange,
		p point, bo box, ci3 circle, ls lseg, pa path, po polygon, li line, ai int[], ati timestamptz(3)[], at text[], an numeric[], e mood, dp positive, dt odd,
		e1 text, e2 varchar(60), d1 date, d2 timestamptz, d3 timestamp, k1 int4, k2 int8, ju jsonb, ue mood, uu uuid, bb bool, ct citext);
	CREATE TABLE refused (x xml, tsq tsquery, rc regclass, ae mood[], ap positive[], an numbers, pr pair)`

const formsRows = `INSERT INTO forms SELECT g, g - 3, g * 100003, 'NaN', 12.5 * g, 'Infinity', 'NaN', -12.5 * g, g % 2 = 0, E'a\tb\\c\nd' || g, 'x' || g, 'padded ', 'MiXed', 'a name',
		date '2000-02-28' + g, '0044-03-15 12:00 BC', '294276-12-31 23:59:59.999999+00', '24:00:00', '23:59:59.999999-15:59', '-1 year -2 mons +3 days 04:05:06.7', md5(g::text)::uuid,
		'{"a" :  [1, null]}', '{"z": 1, "a": "ü\n"}', '$.a[*]', '\x00ff5c', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '101', '10101', '''a'':1 ''b'':2A', 'x', 4294967295,
		'16/B374D848', '99', '[1,9)', '(,2020-01-01]', '{[1,2),[5,7)}', '(1.5,-2)', '(2,2),(0,0)', '<(1,1),2>', '[(0,0),(1,1)]', '[(0,0),(1,2)]', '((0,0),(1,1),(1,0))', '{1,2,3}', '[2:4][1:2]={{1,2},{3,NULL},{5,6}}',
		'{2020-01-01 10:00:00.123+00,infinity}', ARRAY['a"b', NULL, 'NULL', E'\\'], '{1.50,NaN}', 'happy', g, 'text of a domain',
		'Mary.' || g || E'\t@shop.example', 'person' || g || '@mail.example', date '1960-01-01' + g * 37, timestamptz '2001-02-03 04:05:06.789+00' + g * interval '1 day 03:00', '1999-12-31 23:59:59', g, g * 1000,
		'{"who": "Mary", "n": 1}', 'sad', md5((g * 2)::text)::uuid, true, 'Mary@Shop.Example' FROM generate_series(1, 40) g;
	INSERT INTO forms (id, d, ts, tz, n, f8, i, e1, d1, d2, ai, by, t, jb) VALUES (1000, 'infinity', '-infinity', 'infinity', '-Infinity', '-0', '0', '', '-infinity', 'infinity', '{NULL}', '', '', 'null'),
		(1001, '4714-11-24 BC', '4714-11-24 00:00 BC', '0001-01-01 BC', 1e-300, '5e-324', '178000000 years', E'\\N', '0001-01-01 BC', '0044-03-15 BC', '{}', '\x5c', E'\\.', '1e400');
	INSERT INTO forms DEFAULT VALUES`

// formsMasks stand on columns of every class that a codec reads.
func formsMasks() map[string]string {
	return map[string]string{
		"e1": "email", "e2": "email", "d1": "date_shift", "d2": "date_shift", "d3": "empty", "k1": "permute_int", "k2": "permute_int", "ju": "empty", "ue": "null", "uu": "empty",
		"bb": "empty", "ct": "email", "c": "full_name", "dt": "redact", "v": "redact_text",
	}
}

func TestWhatArrivesIsTheSameInBothForms(t *testing.T) {
	source, target := pgtest.New(t), pgtest.New(t)
	source.Exec(t, formsSchema, formsRows)
	target.Exec(t, formsSchema)
	into := open(t, target.DSN(), session{name: "lethe/forms"})
	err := within(t, openSource(t, source.DSN()), func(ctx context.Context, snap *Snapshot) error {
		refused := snap.Catalog().Table(public("refused"))
		for _, c := range refused.Columns {
			if copybinary.Fits(c.Type) {
				t.Errorf("%s of type %s would travel in the binary form", c.Name, c.Type.Name)
			}
		}
		table := snap.Catalog().Table(public("forms"))
		for _, c := range table.Columns {
			// The server does not read the binary form of its own empty tsquery.
			if copybinary.Fits(c.Type) == (c.Name == "tsq") {
				t.Errorf("%s of type %s: the binary form fits: %v", c.Name, c.Type.Name, copybinary.Fits(c.Type))
			}
		}
		for _, masks := range []map[string]string{nil, formsMasks()} {
			arrived := map[bool]string{}
			for _, binary := range []bool{false, true} {
				order := work.Table{Table: table, Columns: orderTable(table)[0].Columns, Binary: binary}
				masker := maskerOf(t, table, binary, masks, map[string][]string{"v": {"e1"}})
				query := Query{Table: table.Name, Columns: order.Columns, Range: work.Range{Kind: work.Whole}, Binary: binary}
				rows := masker.Rows(func(w io.Writer) (int64, error) {
					return snap.CopyOut(ctx, query, w)
				})
				seen := 0
				rows.Observe(func(_, rows int) { seen += rows })
				target.Exec(t, "TRUNCATE forms")
				count, err := copyIn(ctx, into, order, false, rows, nil)
				if err != nil || count.Rows != 43 || seen != 43 {
					return fmt.Errorf("binary %v: %d rows, %d seen: %w", binary, count.Rows, seen, err)
				}
				var text bytes.Buffer
				if _, err := copyOut(ctx, into, "COPY (SELECT * FROM public.forms ORDER BY id) TO STDOUT", &text); err != nil {
					return err
				}
				arrived[binary] = text.String()
			}
			if arrived[false] != arrived[true] {
				t.Errorf("masks %v: as text and in the binary form arrived\n%s\n%s", masks, arrived[false], arrived[true])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServersOfOneMajorSpeakBinaryWhereItPays(t *testing.T) {
	s := newScene(t, `CREATE TABLE wide (id int, at timestamptz)`, `CREATE TABLE narrow (a int2, b bool)`, `CREATE TABLE gone (at timestamptz)`)
	target := openTarget(t, s.options(t, "r1"))
	err := within(t, openSource(t, s.source.DSN()), func(ctx context.Context, snap *Snapshot) error {
		var tables []work.Table
		for _, name := range []string{"wide", "narrow", "gone"} {
			tables = append(tables, orderTable(snap.Catalog().Table(public(name)))...)
		}
		tables[2].Empty = true
		server := snap.Catalog().Server
		for _, other := range []int{0, 10000} {
			server.Version += other
			if err := target.ChooseForms(ctx, server, tables, func(catalog.Name, string) bool { return true }); err != nil {
				return err
			}
			if tables[0].Binary != (other == 0) || tables[1].Binary || tables[2].Binary {
				t.Errorf("a major apart %d: %v %v %v", other, tables[0].Binary, tables[1].Binary, tables[2].Binary)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// maskerOf makes the masks of a table by the columns' names, all others kept; reads are the columns that
// redact_text knows.
func maskerOf(t testing.TB, table *catalog.Table, binary bool, masks map[string]string, reads map[string][]string) *anonymize.Table {
	t.Helper()
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		t.Fatal(err)
	}
	key := derive.MaskingKeyOf([32]byte{1, 2, 3})
	header := masked.Header{Table: table.Name, Plan: planDigest, Format: formatOf(work.Table{Binary: binary})}
	var columns []anonymize.Column
	for _, c := range table.Columns {
		header.Columns = append(header.Columns, c.Name)
		column := anonymize.Column{Name: c.Name, Type: c.Type}
		if name := masks[c.Name]; name != "" {
			definition, ok := registry.Lookup(name)
			if !ok {
				t.Fatal(name)
			}
			args := anonymize.Args{Column: c.Name, Type: c.Type, Params: map[string]any{}, Siblings: map[string]int{}, Domain: name, Key: key.Key(name, name)}
			for _, p := range definition.Params {
				if p.Default != nil {
					args.Params[p.Name] = p.Default
				}
			}
			switch name {
			case "date_shift":
				args.Params["days"] = int64(30)
			case "redact_text":
				args.Params["known"], column.Siblings = reads[c.Name], reads[c.Name]
				for i, sibling := range reads[c.Name] {
					args.Siblings[sibling] = i
				}
			}
			if column.Mask, err = definition.New(args); err != nil {
				t.Fatal(strings.Join([]string{c.Name, name, err.Error()}, ": "))
			}
			column.MaskName, column.Nulls = name, definition.Nulls
		}
		columns = append(columns, column)
	}
	made, err := anonymize.NewTable(header, columns)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
