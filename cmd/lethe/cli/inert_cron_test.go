package cli

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

// cronRules keep a table, and nothing of pg_cron's.
const cronRules = `version: 1
tables:
  public.item: {columns: {id: {keep: "a number"}}}
  cron.job: {rows: none}
  cron.job_run_details: {rows: none}
`

// TestNoJobOfPgCronArrives runs on a server of its own: pg_cron lives in the one database that its server names.
func TestNoJobOfPgCronArrives(t *testing.T) {
	t.Parallel()
	staging := pgtest.New(t)
	if staging.QueryInt(t, `SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'`) == 0 {
		pgtest.Skip(t, "the server has no pg_cron")
	}
	// Nothing runs by itself while the test looks: a job's first minute may be now.
	server := pgtest.Private(t, map[string]string{"shared_preload_libraries": "pg_cron", "cron.database_name": "timed", "cron.max_running_jobs": "0"})
	pgtest.Exec(t, server.DSN("postgres"), "CREATE DATABASE timed")
	s := newStageOn(t, pgtest.NewOn(t, server.DSN("postgres")).Other("timed"), staging, cronRules, func(s *stage) {
		s.production.Exec(t, `CREATE EXTENSION pg_cron`, `CREATE TABLE item (id int PRIMARY KEY)`, `INSERT INTO item VALUES (1)`,
			`SELECT cron.schedule('nightly', '* * * * *', 'INSERT INTO public.item VALUES (666) -- canary-command')`,
			`GRANT USAGE ON SCHEMA cron TO `+s.reader.Name, `GRANT SELECT ON cron.job TO `+s.reader.Name)
	}).adopted()
	s.staging.Exec(t, "ALTER ROLE "+s.builder.Name+" SUPERUSER")
	s.refused(statusRefused, []string{"refresh", "staging"}, "pg_cron", "without: {extensions: [pg_cron]}")
	s.write("lethe.yaml", s.read("lethe.yaml")+"    without: {extensions: [pg_cron]}\n")
	doc := document[refreshDocument](s, "refresh", "staging")
	if told := strings.Join(objectsOf(doc.Findings, "inert"), " "); !strings.Contains(told, "job:pg_cron:") {
		t.Errorf("inert are %q, and no job", told)
	}
	for _, hit := range pgtest.SearchEverywhere(t, s.staging.DSN(), []string{"canary-command"}) {
		t.Errorf("the job's command is in %+v", hit)
	}
	for query, want := range map[string]string{
		`SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'`: "0", `SELECT to_regclass('cron.job')`: "NULL", `SELECT id FROM item`: "1",
	} {
		if got := strings.Join(s.staging.QueryStrings(t, query), ","); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
