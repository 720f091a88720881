package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// nowhere is a host that no resolver knows, by RFC 2606: a foreign server has it instead of production's.
const nowhere = "inert.invalid"

// noFile is a path of which there is no file: a foreign table of file_fdw has it instead of production's file or
// program.
const noFile = "/inert.invalid/no-file"

// readServers reads foreign servers with their tables. Each is made without options; what a wrapper does without any
// is known of those that come with PostgreSQL.
func readServers(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		OID                                        uint32
		Name, Spelt, Wrapper, Type, Version, Owner string
		Handler                                    bool
		Extension, OwnExtension                    string
	}
	tables, err := readForeignTables(ctx, q)
	if err != nil {
		return nil, err
	}
	return collect(ctx, q, `SELECT s.oid, s.srvname::text, quote_ident(s.srvname), w.fdwname::text, coalesce(s.srvtype, ''), coalesce(s.srvversion, ''), pg_get_userbyid(s.srvowner)::text,
			w.fdwhandler <> 0, `+extensionOf("pg_foreign_data_wrapper", "w.oid")+`, `+extensionOf("pg_foreign_server", "s.oid")+`
		FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
		WHERE `+extensionOf("pg_foreign_server", "s.oid")+` = '' OR EXISTS (SELECT FROM pg_foreign_table t WHERE t.ftserver = s.oid AND `+extensionOf("pg_class", "t.ftrelid")+` = '') ORDER BY 2`,
		func(r row) (catalog.Wire, error) {
			w := catalog.Wire{Kind: catalog.WireServer, Name: r.Spelt, Class: classServer, OID: r.OID, Owner: r.Owner, Tables: tables[r.OID]}
			if r.OwnExtension != "" {
				w.Unmade = "it belongs to extension " + r.OwnExtension + ", which makes it with options of its own"
				return w, nil
			}
			w.Alive = "CREATE SERVER " + quoted(r.Name)
			if r.Type != "" {
				w.Alive += " TYPE " + quoteLiteral(r.Type)
			}
			if r.Version != "" {
				w.Alive += " VERSION " + quoteLiteral(r.Version)
			}
			w.Alive += " FOREIGN DATA WRAPPER " + quoted(r.Wrapper)
			w.Inert = w.Alive
			switch {
			case r.Extension == "postgres_fdw":
				w.Inert += " OPTIONS (host " + quoteLiteral(nowhere) + ")"
			case r.Extension == "file_fdw":
				w.Filler = "filename " + quoteLiteral(noFile)
			case !r.Handler || len(w.Tables) == 0:
				// No table can be read through it.
			default:
				w.Unmade = "nothing is known of what its wrapper " + quoted(r.Wrapper) + " does without options"
			}
			return w, nil
		})
}

// optionList spells an array of options as pg_dump does, which asks the server for it in these words.
const optionList = `array_to_string(ARRAY(SELECT quote_ident(option_name) || ' ' || quote_literal(option_value) FROM pg_options_to_table(%s) ORDER BY option_name), E',\n    ')`

// readForeignTables reads the foreign tables of each server, by its number.
func readForeignTables(ctx context.Context, q querier) (map[uint32][]catalog.ForeignTable, error) {
	result, err := q.Query(ctx, `SELECT t.ftserver, t.ftrelid, coalesce(`+fmt.Sprintf(optionList, "t.ftoptions")+`, ''),
			ARRAY(SELECT `+fmt.Sprintf(optionList, "a.attfdwoptions")+` FROM pg_attribute a WHERE a.attrelid = t.ftrelid AND a.attnum > 0 AND NOT a.attisdropped AND a.attfdwoptions <> '{}' ORDER BY a.attnum)
		FROM pg_foreign_table t WHERE `+extensionOf("pg_class", "t.ftrelid")+` = '' ORDER BY t.ftrelid`)
	if err != nil {
		return nil, err
	}
	of := make(map[uint32][]catalog.ForeignTable)
	var server uint32
	var table catalog.ForeignTable
	_, err = pgx.ForEachRow(result, []any{&server, &table.OID, &table.Options, &table.Columns}, func() error {
		of[server] = append(of[server], table)
		table.Columns = nil // the next row's are another list
		return nil
	})
	return of, err
}

// readWrappers reads the user's own foreign-data wrappers that have options. Each is made without them.
func readWrappers(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		OID                uint32
		Spelt, Owner       string
		Handler, Validator *string
	}
	return collect(ctx, q, `SELECT f.oid, quote_ident(f.fdwname), pg_get_userbyid(f.fdwowner)::text, nullif(f.fdwhandler, 0)::regproc::text, nullif(f.fdwvalidator, 0)::regproc::text
		FROM pg_foreign_data_wrapper f WHERE f.fdwoptions <> '{}' AND `+extensionOf("pg_foreign_data_wrapper", "f.oid")+` = '' ORDER BY 2`,
		func(r row) (catalog.Wire, error) {
			w := catalog.Wire{Kind: catalog.WireWrapper, Name: r.Spelt, Class: classWrapper, OID: r.OID, Owner: r.Owner}
			w.Inert = "CREATE FOREIGN DATA WRAPPER " + r.Spelt
			if r.Handler != nil {
				w.Inert += " HANDLER " + *r.Handler
			}
			if r.Validator != nil {
				w.Inert += " VALIDATOR " + *r.Validator
			}
			return w, nil
		})
}

// bare is a foreign table that is made without its options.
type bare struct {
	table  catalog.ForeignTable
	filler string
}

// strip writes the SQL of the foreign tables among the entries that are made without their options: the archive's
// own, less those. Its text comes from pg_dump, which knows all that a table can be; the options in it are found
// as the source spelt them, and what cannot be found so refuses the table.
func (a *archive) strip(ctx context.Context, entries []entry) error {
	var some []entry
	for _, e := range entries {
		if _, ok := a.bare[e.id]; ok && a.instead[e.id] == "" {
			some = append(some, e)
		}
	}
	if len(some) == 0 {
		return nil
	}
	texts, err := a.texts(ctx, some)
	if err != nil {
		return err
	}
	for _, e := range some {
		sql, ok := a.bare[e.id].strip(texts[e.id])
		if !ok {
			return &EntryError{ID: e.id, Object: e.String(),
				Err: errors.New("leave its options out: they are not those that were read when the run began; run it again, or drop the table by a rule")}
		}
		// What the archive's text sets for all of it; what is set so ends with the transaction.
		a.instead[e.id] = "SELECT pg_catalog.set_config('search_path', '', true);" + sql
	}
	return nil
}

// strip returns the SQL of a table without its options.
func (b bare) strip(sql string) (string, bool) {
	const open, end = "\nOPTIONS (\n    ", "\n)"
	filler := ""
	if b.filler != "" {
		filler = "\nOPTIONS (" + b.filler + ")"
	}
	if b.table.Options != "" {
		given := open + b.table.Options + end
		if strings.Count(sql, given) != 1 {
			return "", false
		}
		sql = strings.Replace(sql, given, filler, 1)
	}
	for _, options := range b.table.Columns {
		of := regexp.MustCompile(`\nALTER FOREIGN TABLE (?:ONLY )?[^\n;]+ ALTER COLUMN [^\n;]+ OPTIONS \(\n    ` + regexp.QuoteMeta(options) + `\n\);\n`)
		at := of.FindStringIndex(sql)
		if at == nil {
			return "", false
		}
		sql = sql[:at[0]] + "\n" + sql[at[1]:]
	}
	return sql, sql != "" && !strings.Contains(sql, " OPTIONS (\n") && !strings.Contains(sql, open)
}

// texts returns the SQL of entries, as pg_restore writes it.
func (a *archive) texts(ctx context.Context, entries []entry) (map[int]string, error) {
	list, err := a.writeList(entries)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(list) }()
	path := filepath.Join(a.dir, "text")
	args := append([]string{"--verbose", "--use-list=" + list, "--file=" + path}, a.leaving()...)
	if err := runTool(ctx, a.opts.Tools.PgRestore, toolBase(), append(args, a.path)...); err != nil {
		return nil, fmt.Errorf("read the schema's text: %w", err)
	}
	whole, err := os.ReadFile(path)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return nil, fmt.Errorf("read the schema's text: %w", err)
	}
	text := string(whole)
	if end := strings.LastIndex(text, "\n\\unrestrict "); end >= 0 {
		text = text[:end] // psql's, not the server's
	}
	head := regexp.MustCompile(`(?m)^-- TOC entry ([0-9]+) \(class [0-9]+ OID [0-9]+\)$`)
	starts := head.FindAllStringSubmatchIndex(text, -1)
	texts := make(map[int]string, len(starts))
	for i, at := range starts {
		id, err := strconv.Atoi(text[at[2]:at[3]])
		if err != nil {
			return nil, fmt.Errorf("read the schema's text: %w", err)
		}
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		texts[id] += text[at[0]:end]
	}
	return texts, nil
}
