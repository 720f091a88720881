package pg

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// TestAPartThatOthersReferToIsNotReplaced holds that a whole table takes the place of production's only where no row
// refers to it, to what it is a part of, or to a part of it: its rows would be deleted, and a cascade would take those
// of other tables along.
func TestAPartThatOthersReferToIsNotReplaced(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE middle PARTITION OF root FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id)`,
		`CREATE TABLE leaf PARTITION OF middle FOR VALUES FROM (0) TO (5)`, `CREATE TABLE child (id int REFERENCES root ON DELETE CASCADE)`,
		`CREATE TABLE plain (id int) PARTITION BY RANGE (id)`, `CREATE TABLE alone PARTITION OF plain (id PRIMARY KEY) FOR VALUES FROM (0) TO (10)`,
		`CREATE TABLE other PARTITION OF plain FOR VALUES FROM (10) TO (20)`, `CREATE TABLE of_alone (id int REFERENCES alone)`,
		`CREATE TABLE parent (id int PRIMARY KEY)`, `CREATE TABLE heir () INHERITS (parent)`, `CREATE TABLE of_parent (id int REFERENCES parent)`,
		`CREATE TABLE lonely (id int PRIMARY KEY)`, `CREATE TABLE emptied (id int REFERENCES lonely)`)
	c := mustCatalog(t, openSource(t, db.DSN()))
	news := map[catalog.Name]*work.Table{}
	var tables []work.Table
	for i := range c.Tables {
		tables = append(tables, work.Table{Table: &c.Tables[i], Empty: c.Tables[i].Name.Name == "emptied"})
	}
	for i := range tables {
		news[tables[i].Table.Name] = &tables[i]
	}
	for name, by := range map[string]string{
		"root": "child", "middle": "child", "leaf": "child", "plain": "of_alone", "alone": "of_alone", "parent": "of_parent",
		"other": "", "heir": "", "child": "", "lonely": "",
	} {
		found := wholeTable(Retain{Table: public(name), Replace: true}, news, tables)
		switch {
		case by == "" && len(found) > 0:
			t.Errorf("%s: refused: %s", name, found[0])
		case by != "" && (len(found) != 1 || found[0].Code != "retain-replace" || !strings.Contains(found[0].Message, "rows of public."+by+" refer to it")):
			t.Errorf("%s: got %v, want it refused for public.%s", name, found, by)
		}
	}
}
