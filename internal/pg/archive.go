package pg

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/lethedb/lethe/internal/finding"
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

// The object ids of system catalogs, the same on every server.
const (
	classFunction     = 1255
	classRelation     = 1259
	classServer       = 1417
	classWrapper      = 2328
	classTrigger      = 2620
	classEventTrigger = 3466
)

// archive is a copy of our own of a schema's archive, with its table of contents.
type archive struct {
	opts    TargetOptions
	remote  net.Addr
	path    string
	dir     string
	entries []entry // in the archive's order
	left    map[int]bool
	instead map[int]string // SQL that makes an object in place of its entry
	gives   map[int]string // SQL that gives such an object to its owner
	bare    map[int]bare   // foreign tables that are made without their options
	// refused is what cannot be left out with an extension that the environment is without.
	refused finding.List
	// flat leaves tablespaces out.
	flat bool
	// anonymous has everything belong to us and nobody else have rights, until they are given by hand.
	anonymous bool
}

// openArchive copies the archive at path into dir and reads its table of contents.
func openArchive(ctx context.Context, opts TargetOptions, remote net.Addr, path, dir string) (*archive, error) {
	a := &archive{opts: opts, remote: remote, path: filepath.Join(dir, "schema.dump"), dir: dir, left: map[int]bool{}, instead: map[int]string{},
		gives: map[int]string{}, bare: map[int]bare{}}
	if err := CopyArchive(a.path, path); err != nil {
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

// CopyArchive copies a schema's archive, which may spell secrets: to is made, readable by us alone, and on the
// disk when it returns.
func CopyArchive(to, from string) error {
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
	return errors.Join(err, out.Sync(), out.Close())
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
