package copybinary

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What a codec makes of the server's binary form is the server's own text, and back.
func TestTextAndBinaryAreTheServersOwn(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "SET datestyle = ISO; SET timezone = UTC; CREATE TYPE mood AS ENUM ('sad', 'über', '')"); err != nil {
		t.Fatal(err)
	}
	const days = "generate_series(-2451545, 2145031948, 7321457) g UNION ALL SELECT date '2000-01-01' + g FROM generate_series(-800000, 3000000, 997) g"
	const stamps = "timestamp '4714-11-24 00:00:00 BC' + g * interval '7 days 03:04:05.678901' FROM generate_series(0, 15000000, 4999) g"
	moments := "SELECT " + stamps + " UNION ALL SELECT unnest('{infinity,-infinity,2000-01-01,1999-12-31 23:59:59.999999,0001-01-01 BC,0001-12-31 23:59:59.1 BC," +
		"294276-12-31 23:59:59.999999,1900-02-28,2000-02-29 12:00:00.5,1970-01-01}'::timestamp[]) UNION ALL SELECT NULL"
	for _, c := range []struct {
		typ    catalog.Type
		values string
	}{
		{catalog.Type{Base: "date"}, "SELECT date '2000-01-01' + g FROM " + days + " UNION ALL SELECT unnest('{infinity,-infinity,4714-11-24 BC,5874897-12-31,0001-01-01 BC,0001-01-01}'::date[])"},
		{catalog.Type{Base: "timestamp"}, moments},
		{catalog.Type{Base: "timestamptz"}, "SELECT m AT TIME ZONE 'UTC' FROM (" + moments + ") _ (m)"},
		{catalog.Type{Base: "int2"}, "SELECT unnest('{-32768,-1,0,32767,NULL}'::int2[])"},
		{catalog.Type{Base: "int4"}, "SELECT unnest('{-2147483648,-1,0,2147483647,NULL}'::int4[])"},
		{catalog.Type{Base: "int8"}, "SELECT unnest('{-9223372036854775808,-1,0,9223372036854775807,NULL}'::int8[])"},
		{catalog.Type{Base: "bool"}, "SELECT unnest('{t,f,NULL}'::bool[])"},
		{catalog.Type{Base: "uuid"}, "SELECT md5(g::text)::uuid FROM generate_series(1, 100) g"},
		{catalog.Type{Base: "text"}, `SELECT unnest(ARRAY['', 'plain', E'tab\tline\nback\\slash', 'ünïcödé 李小龍', '\N', NULL])`},
		{catalog.Type{Base: "bpchar"}, `SELECT unnest(ARRAY['', 'ab', 'a b ']::char(5)[])`},
		{catalog.Type{Base: "json"}, `SELECT unnest(ARRAY['{"a" :  [1, null]}', '"\u00e9\n"', 'null']::json[])`},
		{catalog.Type{Base: "jsonb"}, `SELECT unnest(ARRAY['{"b": 1, "a" :  [1.50, null]}', '"\u00e9\n"', 'null', NULL]::jsonb[])`},
		{catalog.Type{Base: "public.mood", Enum: []string{"sad", "über", ""}}, `SELECT unnest('{sad,über,"",NULL}'::mood[])`},
	} {
		codec, ok := CodecFor(c.typ)
		if !ok {
			t.Errorf("%s has no codec", c.typ.Base)
			continue
		}
		read := func(form string) []byte {
			var out bytes.Buffer
			if _, err := conn.PgConn().CopyTo(t.Context(), &out, fmt.Sprintf("COPY (%s) TO STDOUT (FORMAT %s)", c.values, form)); err != nil {
				t.Fatal(c.typ.Base, err)
			}
			return out.Bytes()
		}
		texts, binaries := copytext.NewSplitter(1), NewSplitter(1)
		texts.Feed(read("text"))
		binaries.Feed(read("binary"))
		for texts.Next() && binaries.Next() {
			want, null, err := copytext.Unescape(nil, texts.Fields()[0])
			value := binaries.Fields()[0]
			if null != (value == nil) || err != nil {
				t.Fatalf("%s, row %d: NULL in one form", c.typ.Base, texts.Row())
			}
			if null {
				continue
			}
			if got, err := codec.Text(nil, value); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: read %q, want %q (%v)", c.typ.Base, got, want, err)
			}
			if got, err := codec.Binary(nil, want); err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%s %q: wrote %x, want %x (%v)", c.typ.Base, want, got, value, err)
			}
		}
		if binaries.Next() || texts.Row() != binaries.Row() || binaries.Close() != nil || texts.Close() != nil || texts.Row() == 0 {
			t.Errorf("%s: %d rows of text, %d of binary", c.typ.Base, texts.Row(), binaries.Row())
		}
	}
}

func TestOtherSpellingsThatMasksWrite(t *testing.T) {
	for _, c := range []struct {
		codec      Codec
		text, want string
	}{
		{date, "2020-02-29 23:59:59+00", "2020-02-29"}, {timestamp, "2020-02-29", "2020-02-29 00:00:00"}, {timestamp, "1970-01-01 00:00:00+00", "1970-01-01 00:00:00"},
		{timestamptz, "1970-01-01 01:30:00+01:30", "1970-01-01 00:00:00+00"}, {timestamptz, "2020-02-29 10:20", "2020-02-29 10:20:00+00"}, {boolean, "true", "t"},
		{uuid, "00000000000000000000000000000001", "00000000-0000-0000-0000-000000000001"}, {timestamp, "2020-02-29 10:20:30+05", "2020-02-29 10:20:30"},
	} {
		value, err := c.codec.Binary(nil, []byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got, err := c.codec.Text(nil, value); err != nil || string(got) != c.want {
			t.Errorf("%q became %q (%v)", c.text, got, err)
		}
	}
	for codec, texts := range map[Codec][]string{
		date: {"", "2021-02-29", "2020-13-01", "2020-00-01", "yesterday", "2020-01-01x", "99999999-01-01"}, timestamp: {"2020-01-01 24:00:00", "2020-01-01 10:61", "2020-01-01T10:00", "2020-01-01 10:00:00.1234567"},
		int2: {"32768", "1.0", ""}, boolean: {"yes"}, uuid: {"0", "00000000-0000-0000-0000-00000000000g"},
	} {
		for _, text := range texts {
			if _, err := codec.Binary(nil, []byte(text)); err == nil {
				t.Errorf("codec %d took %q", codec, text)
			}
		}
	}
}

func TestOnlyTypesWithoutOthersNumbersTravelInTheBinaryForm(t *testing.T) {
	fits := []catalog.Type{
		{Base: "text"}, {Base: "int4", Domain: "public.id"}, {Base: "citext", Extension: "citext", CaseFolded: true}, {Base: "public.mood", Enum: []string{"sad"}},
		{Base: "int4[]", Name: "integer[]"}, {Base: "varchar[]", Name: "character varying(50)[]"}, {Base: "timestamptz[]", Name: "timestamp(3) with time zone[]"}, {Base: "timestamp[]", Name: "timestamp without time zone[]"}, {Base: "tstzrange"}, {Base: "numeric"},
	}
	not := []catalog.Type{
		{Base: "regclass"}, {Base: "regtype"}, {Base: "xml"}, {Base: "public.pair", Composite: true}, {Base: "public.span"}, {Base: "hstore", Extension: "hstore"},
		{Base: "int4[]", Name: "public.positive[]"}, {Base: "int4[]", Name: "public.numbers", Domain: "public.numbers"}, {Base: "public.mood[]", Name: "public.mood[]"},
		{Base: "regclass[]", Name: "regclass[]"}, {Base: "geometry", Extension: "postgis"}, {Base: "text", Extension: "odd"}, {Base: "aclitem"},
	}
	for _, typ := range fits {
		if !Fits(typ) {
			t.Errorf("%+v does not fit", typ)
		}
	}
	for _, typ := range not {
		if Fits(typ) {
			t.Errorf("%+v fits", typ)
		}
	}
}

func TestTheBinaryFormIsTakenWhereItPays(t *testing.T) {
	table := func(bases ...string) (*catalog.Table, []string) {
		made, names := &catalog.Table{}, []string(nil)
		for i, base := range bases {
			name := fmt.Sprintf("c%d", i)
			made.Columns, names = append(made.Columns, catalog.Column{Name: name, Type: catalog.Type{Base: base}}), append(names, name)
		}
		return made, names
	}
	none, all := func(string) bool { return false }, func(string) bool { return true }
	for _, c := range []struct {
		bases []string
		sees  func(string) bool
		want  bool
	}{
		{[]string{"int8", "timestamptz"}, none, true}, {[]string{"int8", "timestamptz"}, all, true}, {[]string{"int4", "int2", "bool"}, none, false},
		{[]string{"text", "text"}, none, false}, {[]string{"timestamptz", "numeric"}, all, false}, {[]string{"timestamptz", "regclass"}, none, false}, {nil, none, false},
	} {
		made, names := table(c.bases...)
		if got := Prefer(made, names, c.sees); got != c.want {
			t.Errorf("%v: %v", c.bases, got)
		}
	}
	// What is generated is not copied and has no say.
	made, names := table("timestamptz", "xml")
	if !Prefer(made, names[:1], all) {
		t.Error("a column that does not travel was asked")
	}
}
