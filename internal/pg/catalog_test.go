package pg

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// open connects as a session of ours and closes it when the test ends.
func open(t *testing.T, dsn string, s session) *pgx.Conn {
	t.Helper()
	if s.name == "" {
		s.name = "lethe/test"
	}
	conn, err := connect(t.Context(), dsn, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(conn) })
	return conn
}

func mustRead(t *testing.T, db *pgtest.DB) *catalog.Catalog {
	t.Helper()
	c, err := readCatalog(t.Context(), open(t, db.DSN(), session{readOnly: true}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// load runs an SQL file of testdata in a new database.
func load(t *testing.T, file string) *pgtest.DB {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "schemas", file))
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	db.Exec(t, string(text))
	return db
}

func TestCatalogHoldsOneOfEachThing(t *testing.T) {
	c := mustRead(t, load(t, "catalog.sql"))
	// What differs between servers and runs is checked here and left out of the golden file.
	if c.Server.Version < 140000 || c.Server.Encoding != "UTF8" || c.Server.Provider != "libc" || c.Server.Collate == "" {
		t.Errorf("server = %+v", c.Server)
	}
	c.Server, c.Database = catalog.Server{}, ""
	for i := range c.Extensions {
		c.Extensions[i].Version = ""
	}
	for i := range c.Schemas {
		if c.Schemas[i].Name == "public" {
			c.Schemas[i].Owner = "" // another since 15
		}
	}
	for i := range c.Tables {
		c.Tables[i].Size = catalog.Size{}
	}
	text, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(text), pgtest.QueryStrings(t, pgtest.AdminDSN(t), "SELECT current_user")[0], "OWNER") + "\n"
	golden := filepath.Join("..", "..", "testdata", "golden", "catalog.json")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, got, string(want))
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Fatalf("line %d:\ngot  %s\nwant %s", i+1, g, w)
		}
	}
}

func TestCatalogOfAnEmptyDatabaseHasOnlyPublic(t *testing.T) {
	c := mustRead(t, pgtest.New(t))
	if len(c.Tables) != 0 || len(c.Sequences) != 0 || c.LargeObjects != 0 {
		t.Errorf("catalog = %+v", c)
	}
	if len(c.Schemas) != 1 || c.Schemas[0].Name != "public" {
		t.Errorf("schemas = %+v", c.Schemas)
	}
}

func TestCatalogReads1600ColumnsAndTheirSize(t *testing.T) {
	db := pgtest.New(t)
	var columns []string
	for i := range 1600 {
		columns = append(columns, fmt.Sprintf("c%d bool", i+1))
	}
	db.Exec(t, "CREATE TABLE wide ("+strings.Join(columns, ",")+")", "INSERT INTO wide (c1600) SELECT true FROM generate_series(1, 1000)",
		"CREATE INDEX ON wide (c1600)", "ANALYZE wide")
	table := mustRead(t, db).Tables[0]
	if len(table.Columns) != 1600 || table.Columns[1599].Name != "c1600" || table.Columns[1599].Number != 1600 {
		t.Fatalf("%d columns", len(table.Columns))
	}
	size := table.Size
	if size.Rows != 1000 || size.Blocks < 1 || size.Bytes < size.Blocks*8192 || size.IndexBytes < 8192 {
		t.Errorf("size = %+v", size)
	}
	if s := table.Columns[0].Stats; s.NullFraction != 1 {
		t.Errorf("stats of an empty column = %+v", s)
	}
	if s := table.Columns[1599].Stats; s.NullFraction != 0 || s.Distinct != 1 || s.Width != 1 {
		t.Errorf("stats of a full column = %+v", s)
	}
}

func TestCatalogKnowsWhatNewerServersHold(t *testing.T) {
	db := pgtest.New(t)
	major := db.QueryInt(t, `SELECT current_setting('server_version_num')::int / 10000`)
	for _, c := range []struct {
		since int64
		sql   string
		holds func(table catalog.Table) bool
	}{
		{14, `CREATE TABLE n (id int UNIQUE)`, func(table catalog.Table) bool { return !table.Indexes[0].NullsNotDistinct }},
		{15, `CREATE TABLE n (id int UNIQUE NULLS NOT DISTINCT)`, func(table catalog.Table) bool { return table.Indexes[0].NullsNotDistinct }},
		{15, `CREATE TABLE n (v numeric(5, -2))`, func(table catalog.Table) bool {
			return table.Columns[0].Type.Precision == 5 && table.Columns[0].Type.Scale == -2
		}},
		{17, `CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY LIST (id)`, func(table catalog.Table) bool {
			return table.Columns[0].Identity == "always" && table.AccessMethod == ""
		}},
		{18, `CREATE TABLE n (a int, b int GENERATED ALWAYS AS (a + 1))`, func(table catalog.Table) bool {
			return table.Columns[1].Generated == "virtual" && table.Columns[1].Default == "(a + 1)"
		}},
		{18, `CREATE TABLE n (a int PRIMARY KEY, b int CONSTRAINT loose REFERENCES n NOT ENFORCED)`, func(table catalog.Table) bool {
			return !table.ForeignKeys[0].Enforced && !table.ForeignKeys[0].Validated
		}},
		{18, `CREATE TABLE n (a int CONSTRAINT named NOT NULL, b int CONSTRAINT loose CHECK (b > 0) NOT ENFORCED)`, func(table catalog.Table) bool {
			return table.Columns[0].NotNull && len(table.Checks) == 1
		}},
		{18, `CREATE TABLE n (s int4range, r int4range, PRIMARY KEY (s, r WITHOUT OVERLAPS))`, func(table catalog.Table) bool {
			return table.Indexes[0].Primary && table.Indexes[0].Exclusion && len(table.Indexes[0].Columns) == 2
		}},
	} {
		if major < c.since {
			continue
		}
		db.Exec(t, c.sql)
		if table := mustRead(t, db).Tables[0]; !c.holds(table) {
			t.Errorf("%s reads as %+v", c.sql, table)
		}
		db.Exec(t, `DROP TABLE n`)
	}
}

func TestCatalogDoesNotDependOnTheRolesSettings(t *testing.T) {
	db := load(t, "catalog.sql")
	role := pgtest.Role(t, db, "")
	want, err := readCatalog(t.Context(), open(t, db.As(role.Name, role.Password), session{}))
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, `ALTER ROLE `+role.Name+` SET quote_all_identifiers = on`, `ALTER ROLE `+role.Name+` SET search_path = "Foo Bar", public`)
	got, err := readCatalog(t.Context(), open(t, db.As(role.Name, role.Password), session{}))
	if err != nil {
		t.Fatal(err)
	}
	if difference := firstDifference(want, got); difference != "" {
		t.Errorf("%s reads otherwise", difference)
	}
}

func TestCatalogReadStopsWithItsContext(t *testing.T) {
	db := pgtest.New(t)
	conn := open(t, db.DSN(), session{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readCatalog(ctx, conn); err == nil {
		t.Error("a cancelled reading returned a catalog")
	}
}
