package cli

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestDatabasesOfOtherEncodingsArriveByteForByte(t *testing.T) {
	t.Parallel()
	const rules = `version: 1
tables:
  public.word: {columns: {id: {keep: "a number"}, text: {keep: "a word"}, name: first_name}}
`
	for encoding, bytes := range map[string]string{"LATIN1": `\xe4f6fc20c3`, "SQL_ASCII": `\xff00e4c3`} {
		bytes = strings.ReplaceAll(bytes, "00", "") // no text holds a zero
		source := pgtest.New(t)
		named := source.Name() + "__encoded"
		pgtest.Exec(t, source.MaintenanceDSN(), "CREATE DATABASE "+named+" TEMPLATE template0 ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
		production := source.Other(named)
		s := newStageOn(t, production, pgtest.New(t), rules, func(s *stage) {
			s.production.Exec(t, `GRANT ALL ON SCHEMA public TO `+s.owner.Name)
			pgtest.Exec(t, s.production.As(s.owner.Name, s.owner.Password), `CREATE TABLE word (id int PRIMARY KEY, text text, name text)`,
				`INSERT INTO word VALUES (1, convert_from('`+bytes+`', '`+encoding+`'), 'canary-name'), (2, 'plain', NULL)`)
		}).adopted()
		s.ok("refresh", "staging")
		got := s.staging.QueryStrings(t, `SELECT id, convert_to(text, '`+encoding+`'), name LIKE 'canary%', getdatabaseencoding() FROM word ORDER BY 1`)
		if want := "1|" + bytes + "|f|" + encoding; len(got) != 2 || got[0] != want {
			t.Errorf("%s: %q, want %q", encoding, got, want)
		}
	}
}
