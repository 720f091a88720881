package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// restoring says how entries are restored.
type restoring struct {
	// jobs is on how many sessions; 0 is one.
	jobs int
	// settings are for each session, such as "maintenance_work_mem=1GB".
	settings []string
	// together makes all or none of the entries, where one session does it and they are not too many to lock.
	together bool
	// again drops before what is there already: an earlier attempt may have made it and not lived to record it.
	again bool
}

// mostTogether is how many entries are made in one transaction: each locks a few objects, and a server's lock
// table has room for some thousands by default.
const mostTogether = 500

// arguments are those of pg_restore for so many entries.
func (r restoring) arguments(entries int) []string {
	var args []string
	switch {
	case r.jobs > 1:
		args = append(args, "--jobs="+strconv.Itoa(r.jobs))
	case r.together && entries <= mostTogether:
		args = append(args, "--single-transaction")
	}
	if r.again {
		args = append(args, "--clean", "--if-exists")
	}
	return args
}

// restoreEntries runs pg_restore for the entries, in their order. Its failure names the entry it stopped at.
func (a *archive) restoreEntries(ctx context.Context, database string, entries []entry, how restoring) error {
	if len(entries) == 0 {
		return nil
	}
	list, err := a.writeList(entries)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(list) }()
	env, remove, err := toolEnvironment(ctx, a.opts.DSN, a.opts.session(database), a.remote, a.dir)
	if err != nil {
		return err
	}
	defer remove()
	// Only when it is verbose does it tell which entry failed.
	args := []string{"--no-password", "--verbose", "--exit-on-error", "--use-list=" + list, "--dbname=" + conninfo(database)}
	args = append(args, a.leaving()...)
	args = append(args, how.arguments(len(entries))...)
	if err := runTool(ctx, a.opts.Tools.PgRestore, withOptions(env, how.settings...), append(args, a.path)...); err != nil {
		return a.name(err)
	}
	return nil
}

// leaving are the arguments of pg_restore that leave out what is done by hand.
func (a *archive) leaving() []string {
	var args []string
	if a.flat {
		args = append(args, "--no-tablespaces")
	}
	if a.anonymous {
		args = append(args, "--no-owner", "--no-privileges")
	}
	return args
}

// writeList writes the list of entries that pg_restore reads, and returns its path. Removing it is the caller's.
func (a *archive) writeList(entries []entry) (string, error) {
	list, err := os.CreateTemp(a.dir, "list-")
	if err != nil {
		return "", fmt.Errorf("write the list for pg_restore: %w", err)
	}
	var text strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&text, "%d; %d %d %s\n", e.id, e.class, e.oid, e.kind)
	}
	_, err = list.WriteString(text.String())
	if err = errors.Join(err, list.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write the list for pg_restore: %w", err), os.Remove(list.Name()))
	}
	return list.Name(), nil
}

// conninfo spells a database's name as a connection string: a bare name that holds "=" would be read as
// one.
func conninfo(database string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
}

// withOptions adds the settings that a restore needs whatever the role's own are. What is built is worth
// nothing before it is published, and the commit that publishes it flushes everything before it: no
// statement need wait for the disk.
func withOptions(env []string, settings ...string) []string {
	ours := "-c default_transaction_read_only=off -c synchronous_commit=off"
	for _, setting := range settings {
		ours += " -c " + setting
	}
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
	// ID is the entry's number in the archive.
	ID  int
	Err error
}

// Error names the object.
func (e *EntryError) Error() string { return fmt.Sprintf("restore %s: %v", e.Object, e.Err) }

// Mendable reports that who mends what it names can go on with the run.
func (e *EntryError) Mendable() bool { return true }

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
			return &EntryError{Object: e.String(), ID: e.id, Err: err}
		}
	}
	return err
}

// schemasFirst splits entries into the schemas with their rights and the rest. pg_restore gives all rights
// last, and a table is given only to an owner who may create in its schema.
func schemasFirst(entries []entry) [][]entry {
	var first, rest []entry
	for _, e := range entries {
		if e.kind == "SCHEMA" || isSchemaACL(e) {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	return [][]entry{first, rest}
}

// isSchemaACL reports that an entry grants rights on a schema.
func isSchemaACL(e entry) bool { return e.kind == "ACL" && strings.HasPrefix(e.name, "- SCHEMA ") }

// byContents sorts entries as the archive has them.
func (a *archive) byContents(entries []entry) {
	place := make(map[int]int, len(a.entries))
	for i, e := range a.entries {
		place[e.id] = i
	}
	slices.SortFunc(entries, func(x, y entry) int { return cmp.Compare(place[x.id], place[y.id]) })
}
