package pg

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// entry is one line of an archive's table of contents.
type entry struct {
	id int
	// class and oid identify the object on the source; 0 for what is no object, such as a comment.
	class, oid uint32
	// kind is what it is, such as "TABLE" or "FK CONSTRAINT"; name the rest of the line: schema, name and
	// owner, in pg_restore's spelling, which cannot be taken apart again.
	kind, name string
	needs      []int
	section    section
}

// String names the entry for messages.
func (e entry) String() string { return strings.ToLower(e.kind) + " " + e.name }

// section says when an entry is restored: before the rows or after them.
type section int

const (
	otherSection section = iota // settings of the archive itself
	preData
	postData
)

// classRelation is the object id of pg_class on every server.
const classRelation = 1259

// archive is a copy of our own of a schema's archive, with its table of contents.
type archive struct {
	opts    TargetOptions
	remote  net.Addr
	path    string
	dir     string
	entries []entry // in the archive's order
	left    map[int]bool
}

// openArchive copies the archive at path into dir and reads its table of contents.
func openArchive(ctx context.Context, opts TargetOptions, remote net.Addr, path, dir string) (*archive, error) {
	a := &archive{opts: opts, remote: remote, path: filepath.Join(dir, "schema.dump"), dir: dir, left: map[int]bool{}}
	if err := copyFile(a.path, path); err != nil {
		return nil, fmt.Errorf("copy the schema's archive: %w", err)
	}
	all, err := a.list(ctx, "--verbose") // verbose adds what each entry needs
	if err != nil {
		return nil, err
	}
	if a.entries, err = parseContents(all); err != nil {
		return nil, err
	}
	for option, section := range map[string]section{"--section=pre-data": preData, "--section=post-data": postData} {
		text, err := a.list(ctx, option)
		if err != nil {
			return nil, err
		}
		some, err := parseContents(text)
		if err != nil {
			return nil, err
		}
		a.assign(some, section)
	}
	return a, nil
}

// assign notes the section of the entries listed.
func (a *archive) assign(some []entry, to section) {
	listed := make(map[int]bool, len(some))
	for _, e := range some {
		listed[e.id] = true
	}
	for i := range a.entries {
		if listed[a.entries[i].id] {
			a.entries[i].section = to
		}
	}
}

// copyFile copies a file, readable by us alone.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// list returns the table of contents as pg_restore prints it.
func (a *archive) list(ctx context.Context, option string) ([]byte, error) {
	path := filepath.Join(a.dir, "contents")
	if err := runTool(ctx, a.opts.Tools.PgRestore, toolBase(), "--list", option, "--file="+path, a.path); err != nil {
		return nil, fmt.Errorf("read the schema's table of contents: %w", err)
	}
	text, err := os.ReadFile(path)
	return text, errors.Join(err, os.Remove(path))
}

// kinds are the words that an entry may begin with and that are more than one word, so that the kind can
// be told from the schema after it.
func kinds() []string {
	return []string{
		"ACCESS METHOD", "CHECK CONSTRAINT", "DEFAULT ACL", "EVENT TRIGGER", "FK CONSTRAINT", "FOREIGN DATA WRAPPER",
		"FOREIGN TABLE", "INDEX ATTACH", "MATERIALIZED VIEW DATA", "MATERIALIZED VIEW", "OPERATOR CLASS", "OPERATOR FAMILY",
		"PROCEDURAL LANGUAGE", "PUBLICATION TABLES IN SCHEMA", "PUBLICATION TABLE", "ROW SECURITY", "SECURITY LABEL",
		"SEQUENCE OWNED BY", "SEQUENCE SET", "SHELL TYPE", "STATISTICS DATA", "SUBSCRIPTION TABLE", "TABLE ATTACH", "TABLE DATA",
		"TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "USER MAPPING",
	}
}

// parseContents reads a table of contents.
func parseContents(text []byte) ([]entry, error) {
	line := regexp.MustCompile(`^([0-9]+); ([0-9]+) ([0-9]+) (.*)$`)
	var entries []entry
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if needs, ok := strings.CutPrefix(scanner.Text(), ";\tdepends on:"); ok && len(entries) > 0 {
			for _, field := range strings.Fields(needs) {
				if id, err := strconv.Atoi(field); err == nil {
					entries[len(entries)-1].needs = append(entries[len(entries)-1].needs, id)
				}
			}
			continue
		}
		match := line.FindStringSubmatch(scanner.Text())
		if match == nil {
			continue
		}
		id, err := strconv.Atoi(match[1])
		if err != nil {
			return nil, fmt.Errorf("read the schema's table of contents: %w", err)
		}
		class, classErr := strconv.ParseUint(match[2], 10, 32)
		oid, oidErr := strconv.ParseUint(match[3], 10, 32)
		if err := errors.Join(classErr, oidErr); err != nil {
			return nil, fmt.Errorf("read the schema's table of contents: %w", err)
		}
		e := entry{id: id, class: uint32(class), oid: uint32(oid)}
		e.kind, e.name = splitKind(match[4])
		entries = append(entries, e)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read the schema's table of contents: %w", err)
	}
	return entries, nil
}

// splitKind tells an entry's kind from the rest of its line.
func splitKind(s string) (kind, name string) {
	for _, kind := range kinds() {
		if rest, ok := strings.CutPrefix(s, kind+" "); ok {
			return kind, rest
		}
	}
	kind, name, _ = strings.Cut(s, " ")
	return kind, name
}

// leaveOut decides what of the archive does not arrive, and says so: what reaches out of the copy, our
// own schema, tables that the order drops, and all that stands on those.
func (a *archive) leaveOut(order *work.Order) finding.List {
	ordered := make(map[uint32]bool)
	for _, table := range order.Tables {
		ordered[table.Table.OID] = true
	}
	dropped := make(map[uint32]string)
	for _, table := range order.Catalog.Tables {
		if table.Extension == "" && table.Kind != catalog.MaterialisedView && !ordered[table.OID] {
			dropped[table.OID] = table.Name.String()
		}
	}
	reasons := make(map[int]string)
	var found finding.List
	for _, e := range a.entries {
		reason, quiet := a.reasonAgainst(e, dropped, reasons)
		if reason == "" {
			continue
		}
		reasons[e.id] = reason
		a.left[e.id] = true
		if !quiet {
			found = append(found, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: e.String(), Message: reason})
		}
	}
	return found
}

// reasonAgainst returns why an entry does not arrive, "" when it does; quiet when nobody need be told.
func (a *archive) reasonAgainst(e entry, dropped map[uint32]string, reasons map[int]string) (reason string, quiet bool) {
	switch e.kind {
	case "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION", "SUBSCRIPTION TABLE", "USER MAPPING":
		return "left out: it would wire the copy to other servers", strings.Contains(e.kind, " ") && e.kind != "USER MAPPING"
	case "EVENT TRIGGER":
		return "left out: event triggers would act on the copy's own changes", false
	case "SCHEMA":
		if strings.HasPrefix(e.name, "- "+ownSchema+" ") {
			return "ours", true
		}
	case "COMMENT", "ACL", "SECURITY LABEL":
		for _, kind := range []string{"PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER"} {
			if strings.HasPrefix(e.name, "- "+kind+" ") {
				return "of something left out", true
			}
		}
	}
	if name, ok := dropped[e.oid]; ok && e.class == classRelation {
		return fmt.Sprintf("left out: the rules drop table %s", name), true
	}
	for _, id := range e.needs {
		if why := reasons[id]; why != "" {
			// Views, functions and foreign keys of others are told; the table's own indexes are not.
			ofTable := slices.Contains([]string{"COMMENT", "ACL", "INDEX", "CONSTRAINT", "CHECK CONSTRAINT", "DEFAULT", "TRIGGER", "RULE",
				"POLICY", "ROW SECURITY", "SEQUENCE", "SEQUENCE OWNED BY", "TABLE ATTACH", "INDEX ATTACH", "STATISTICS"}, e.kind)
			return why, ofTable || why == "ours"
		}
	}
	return "", false
}

// owners returns the roles that own what the catalog names and the archive restores, each once.
func (a *archive) owners(c *catalog.Catalog) []string {
	var names []string
	for _, schema := range c.Schemas {
		if schema.Extension == "" && schema.Name != "public" {
			names = append(names, schema.Owner)
		}
	}
	for _, table := range c.Tables {
		if table.Extension == "" {
			names = append(names, table.Owner)
		}
	}
	for _, sequence := range c.Sequences {
		if sequence.Extension == "" {
			names = append(names, sequence.Owner)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// restore runs pg_restore for the entries, in their order, on as many sessions as jobs. Its failure names
// the entry it stopped at.
func (a *archive) restore(ctx context.Context, database string, entries []entry, jobs int) error {
	if len(entries) == 0 {
		return nil
	}
	list, err := os.CreateTemp(a.dir, "list-")
	if err != nil {
		return fmt.Errorf("write the list for pg_restore: %w", err)
	}
	defer func() { _ = os.Remove(list.Name()) }()
	var text strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&text, "%d; %d %d %s\n", e.id, e.class, e.oid, e.kind)
	}
	_, err = list.WriteString(text.String())
	if err = errors.Join(err, list.Close()); err != nil {
		return fmt.Errorf("write the list for pg_restore: %w", err)
	}
	env, remove, err := toolEnvironment(ctx, a.opts.DSN, a.opts.session(database), a.remote, a.dir)
	if err != nil {
		return err
	}
	defer remove()
	// Only when it is verbose does it tell which entry failed.
	args := []string{"--no-password", "--verbose", "--exit-on-error", "--use-list=" + list.Name(), "--dbname=" + conninfo(database)}
	if jobs > 1 {
		args = append(args, "--jobs="+strconv.Itoa(jobs))
	}
	if err := runTool(ctx, a.opts.Tools.PgRestore, withOptions(env), append(args, a.path)...); err != nil {
		return a.name(err)
	}
	return nil
}

// conninfo spells a database's name as a connection string: a bare name that holds "=" would be read as
// one.
func conninfo(database string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
}

// withOptions adds the settings that a restore needs whatever the role's own are. What is built is worth
// nothing before it is published, and the commit that publishes it flushes everything before it: no
// statement need wait for the disk.
func withOptions(env []string) []string {
	const ours = "-c default_transaction_read_only=off -c synchronous_commit=off"
	for i, variable := range env {
		if given, ok := strings.CutPrefix(variable, "PGOPTIONS="); ok {
			env[i] = "PGOPTIONS=" + given + " " + ours
			return env
		}
	}
	return append(env, "PGOPTIONS="+ours)
}

// EntryError says at which object pg_restore stopped. It unwraps to the ToolError.
type EntryError struct {
	// Object is the object's kind and name.
	Object string
	Err    error
}

// Error names the object.
func (e *EntryError) Error() string { return fmt.Sprintf("restore %s: %v", e.Object, e.Err) }

// Unwrap returns the program's failure.
func (e *EntryError) Unwrap() error { return e.Err }

// name finds out which entry pg_restore stopped at. Of its output only that number is read: the rest may
// quote anything.
func (a *archive) name(err error) error {
	failed, ok := errors.AsType[*ToolError](err)
	if !ok {
		return err
	}
	match := regexp.MustCompile(`(?m)from TOC entry ([0-9]+);`).FindStringSubmatch(failed.Output())
	if match == nil {
		return err
	}
	for _, e := range a.entries {
		if strconv.Itoa(e.id) == match[1] {
			return &EntryError{Object: e.String(), Err: err}
		}
	}
	return err
}

// schemasFirst splits entries into the schemas with their rights and the rest. pg_restore gives all rights
// last, and a table is given only to an owner who may create in its schema.
func schemasFirst(entries []entry) [][]entry {
	var first, rest []entry
	for _, e := range entries {
		if e.kind == "SCHEMA" || (e.kind == "ACL" && strings.HasPrefix(e.name, "- SCHEMA ")) {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	return [][]entry{first, rest}
}

// byContents sorts entries as the archive has them.
func (a *archive) byContents(entries []entry) {
	place := make(map[int]int, len(a.entries))
	for i, e := range a.entries {
		place[e.id] = i
	}
	slices.SortFunc(entries, func(x, y entry) int { return cmp.Compare(place[x.id], place[y.id]) })
}
