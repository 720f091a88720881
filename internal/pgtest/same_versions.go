package pgtest

import (
	"context"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
)

// respelling is something that a major says otherwise than those before it, though it means the same. Where source
// and target stand on two sides of it, both are read as if neither said it. Within one major nothing is respelt.
type respelling struct {
	// since is the major that began; 0 is every step from one major to another.
	since int
	// note is the line of that major's release notes, or the reason.
	note string
	// of are the differences it is about, by the beginning of their objects, such as "schema ACL".
	of *regexp.Regexp
	// said is what is taken out of what is said of them, by is put in its place. An object of which it is all that
	// is said is left out.
	said *regexp.Regexp
	by   string
	// named reports that the objects' names are respelt too.
	named bool
}

func respellings() []respelling {
	const qualifier = `(?:"[^"]+"|[A-Za-z_][A-Za-z0-9_]*)\.`
	return []respelling{
		{0, "each server installs its own version of an extension; the run tells of it as extension-version",
			regexp.MustCompile(`^extension `), regexp.MustCompile(`^\S+ `), "", false},
		{16, "SQL/JSON constructors: json is a key word, and quoted as a name",
			regexp.MustCompile(``), regexp.MustCompile(`"([a-z_][a-z0-9_]*)"`), "$1", true},
		{16, "a view's own entries are gone from its range table, so that columns of its only relation are not qualified",
			regexp.MustCompile(`^schema (VIEW|MATERIALIZED VIEW|RULE) `), regexp.MustCompile(qualifier), "", false},
		{16, "ICU locales are kept as canonical language tags",
			regexp.MustCompile(`^schema COLLATION `), regexp.MustCompile(`-true'`), "'", false},
		{17, "privilege MAINTAIN: all that there was before is no longer all",
			regexp.MustCompile(`^schema ACL `), regexp.MustCompile(`SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE`), "ALL", false},
		{17, "partitioned tables have identity columns, which their partitions share",
			regexp.MustCompile(`^column `), regexp.MustCompile(` ([tf]) [ad]  f `), " $1   f ", false},
		{17, "domains' NOT NULL is kept in pg_constraint, with a name",
			regexp.MustCompile(`^constraint `), regexp.MustCompile(`^n .*$`), "", false},
		{18, "columns' NOT NULL is kept in pg_constraint, with a name",
			regexp.MustCompile(`^constraint `), regexp.MustCompile(`^n .*$`), "", false},
		{18, "columns' NOT NULL is kept in pg_constraint, with a name",
			regexp.MustCompile(`^schema TABLE `), regexp.MustCompile(`CONSTRAINT ("[^"]+"|\S+) NOT NULL`), "NOT NULL", false},
	}
}

// between returns what the majors on the way from one to another began to say otherwise.
func between(source, target int) []respelling {
	var some []respelling
	for _, r := range respellings() {
		if source < target && (r.since == 0 || source < r.since && r.since <= target) {
			some = append(some, r)
		}
	}
	return some
}

// respelt returns what is said of the objects of a kind, in the words of all majors.
func respelt(some []respelling, kind string, said map[string]string) map[string]string {
	for _, r := range some {
		next := make(map[string]string, len(said))
		for name, text := range said {
			if !r.of.MatchString(kind + " " + name) {
				next[name] = text
				continue
			}
			after := r.said.ReplaceAllString(text, r.by)
			if r.named {
				name = r.said.ReplaceAllString(name, r.by)
			}
			if after != "" || text == "" {
				next[name] = after
			}
		}
		said = next
	}
	return said
}

// majorOf returns a server's major version.
func majorOf(t testing.TB, dsn string) int {
	t.Helper()
	var major int
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int4 / 10000`).Scan(&major)
	})
	return major
}
