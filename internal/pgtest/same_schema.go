package pgtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/pgserver"
)

// DumpSchema returns what pg_dump says of a database's schema, its header and the schema lethe left out. The
// pg_dump is the newest of this machine, so that databases of two majors are read by one program.
func DumpSchema(t testing.TB, dsn string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), newestDump(t), "--schema-only", "--restrict-key=x", "--exclude-schema=lethe", "--dbname="+dsn)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run pg_dump: %v: %s", err, stderr.String())
	}
	text := string(out)
	if _, body, found := strings.Cut(text, "\n\n"); found { // versions of server and program stand above
		text = body
	}
	return unnumbered(text)
}

// unnumbered leaves out the numbers that servers since 15.20 and 17.12 keep among every column's options, and that
// an older pg_dump carries.
func unnumbered(dump string) string {
	dump = regexp.MustCompile(`, pg_attver=[0-9]+|pg_attver=[0-9]+, |pg_attver=[0-9]+`).ReplaceAllString(dump, "")
	return regexp.MustCompile(`(?m)^ALTER [A-Z ]*ONLY [^;]* SET \(\);\n`).ReplaceAllString(dump, "")
}

func newestDump(t testing.TB) string {
	t.Helper()
	found, err := pgserver.Find(t.Context(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range found {
		if b.Dump {
			return b.Program("pg_dump")
		}
	}
	Skip(t, "there is no pg_dump: install PostgreSQL's client programs")
	return ""
}

// statement is one entry of a schema's dump.
type statement struct{ object, text string }

// entryHead is how pg_dump announces an object.
var entryHead = regexp.MustCompile(`(?m)^--\n-- Name: (.*); Type: (.*); Schema: (.*); Owner: (.*)\n--\n`)

// statements divides a dump. What is set for the objects after it is added to each of them.
func statements(dump string) []statement {
	heads := entryHead.FindAllStringSubmatchIndex(dump, -1)
	var all []statement
	settings := []string{"", ""}
	note := func(text string) string {
		var kept []string
		for _, line := range strings.Split(text, "\n") {
			switch {
			case strings.HasPrefix(line, "SET default_tablespace = "):
				settings[0] = line
			case strings.HasPrefix(line, "SET default_table_access_method = "):
				settings[1] = line
			case strings.TrimSpace(line) == "" || strings.HasPrefix(line, `\`) || strings.HasPrefix(line, "-- PostgreSQL database dump"):
			case line != "--":
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
	if len(heads) > 0 {
		note(dump[:heads[0][0]])
	}
	for i, head := range heads {
		end := len(dump)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		part := func(n int) string { return dump[head[2*n]:head[2*n+1]] }
		s := statement{object: part(2) + " " + part(3) + "." + part(1)}
		if slices.Contains([]string{"TABLE", "INDEX", "MATERIALIZED VIEW", "CONSTRAINT"}, part(2)) {
			s.text = strings.TrimSpace(strings.Join(settings, " ")) + "\n"
		}
		s.text += "owner " + part(4) + "\n" + note(dump[head[1]:end])
		all = append(all, s)
	}
	return all
}

// otherOrder tells the first statement that stands elsewhere, when both dumps hold the same ones.
func otherOrder(s, t []statement) []Difference {
	if len(compare("schema", byObject(s), byObject(t))) > 0 {
		return nil
	}
	for i := range s {
		if s[i].object != t[i].object {
			return []Difference{{Object: "schema " + s[i].object, What: "changed", Source: fmt.Sprintf("at place %d", i), Target: "elsewhere"}}
		}
	}
	return nil
}

func byObject(all []statement) map[string]string {
	texts := make(map[string]string, len(all))
	for _, s := range all {
		texts[s.object] += s.text
	}
	return texts
}
