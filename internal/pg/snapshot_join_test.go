package pg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/work"
)

// TestARowIsReadWithTheOnesItRefersTo reads a table with several names in common, whose keys are NULL, dangle, consist of
// two columns, lie in partitions, or lead on.
func TestARowIsReadWithTheOnesItRefersTo(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE TABLE town (id int PRIMARY KEY, name text)`,
		`CREATE TABLE person (id int, kind text, name text, town_id int REFERENCES town, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind)`,
		`CREATE TABLE person_a PARTITION OF person FOR VALUES IN ('a')`, `CREATE TABLE person_b PARTITION OF person FOR VALUES IN ('b')`,
		`CREATE TABLE letter (id int, person_id int, kind text, name text, FOREIGN KEY (person_id, kind) REFERENCES person)`,
		`CREATE TABLE heir () INHERITS (town)`,
		`INSERT INTO town VALUES (1, 'Ulm')`, `INSERT INTO heir VALUES (2, 'of an heir')`, `INSERT INTO person VALUES (7, 'a', 'Ana', 1), (7, 'b', 'Bob', NULL)`,
		`INSERT INTO letter SELECT i, CASE WHEN i % 4 < 3 THEN 7 END, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END, 'l' || i FROM generate_series(1, 4000) i`,
		`ANALYZE`)
	q := whole(public("letter"), "id", "name")
	q.Joins = []work.Join{
		{Table: public("person"), Tree: true, Columns: []string{"person_id", "kind"}, Referenced: []string{"id", "kind"}},
		{From: 1, Table: public("town"), Columns: []string{"town_id"}, Referenced: []string{"id"}},
	}
	q.Joined = []work.JoinedColumn{{Join: 1, Column: "name"}, {Join: 2, Column: "name"}, {Join: 2, Column: "id"}}
	var want []string
	for i := 3; i <= 4000; i++ {
		of := "\\N\t\\N\t\\N"
		switch {
		case i%4 == 3:
		case i%2 == 0:
			of = "Ana\tUlm\t1"
		default:
			of = "Bob\t\\N\t\\N"
		}
		want = append(want, fmt.Sprintf("%d\tl%d\t%s", i, i, of))
	}
	slices.Sort(want)
	err := within(t, openSource(t, db.DSN()), func(ctx context.Context, snap *Snapshot) error {
		table := work.Table{Table: snap.tables[public("letter")], Joins: q.Joins}
		var all strings.Builder
		for _, part := range snap.parts(table, "run", 5) {
			q := q
			q.Range, q.Where = part.Range, "id > 2 -- not the first"
			all.WriteString(copyAll(ctx, t, snap, q))
		}
		got := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("got %d rows, want %d: %q", len(got), len(want), got[:min(len(got), 3)])
		}
		q := q
		q.Limit = 2
		if got := copyAll(ctx, t, snap, q); strings.Count(got, "\n") != 2 {
			t.Errorf("got %q, want two rows", got)
		}
		heirs := whole(public("person_a"), "id")
		heirs.Joins = []work.Join{{Table: public("town"), Columns: []string{"id"}, Referenced: []string{"id"}}}
		heirs.Joined = []work.JoinedColumn{{Join: 1, Column: "name"}}
		if got := copyAll(ctx, t, snap, heirs); got != "7\t\\N\n" {
			t.Errorf("got %q, want no row of the heir", got)
		}
		if rows, err := snap.Count(ctx, public("letter"), ""); rows != 4000 || err != nil {
			t.Errorf("counted %d, %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
