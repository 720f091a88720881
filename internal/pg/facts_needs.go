package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/preflight"
)

// needs finds what the schema asks of a server that no extension brings: collations and libraries.
func (g *gatherer) needs(ctx context.Context) error {
	// A collation of the server's own is made with the server, from what its system offers then.
	found, err := g.tx.Query(ctx, `SELECT c.oid::regcollation::text, c.collname::text, n.nspname <> 'pg_catalog',
			CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END, coalesce(c.collcollate, ''), coalesce(c.collctype, ''),
			coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', c.collcollate, ''), coalesce(to_jsonb(c) ->> 'collicurules', ''), c.collisdeterministic
		FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
		WHERE `+userSchemas+` AND `+extensionOf("pg_collation", "c.oid")+` = ''
			OR n.nspname = 'pg_catalog' AND c.collprovider IN ('c', 'i', 'b') AND c.collname NOT IN ('C', 'POSIX', 'ucs_basic')
				AND EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass AND d.refobjid = c.oid AND d.objid > 16383)
		ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("collations: %w", err)
	}
	if g.source.Collations, err = pgx.CollectRows(found, pgx.RowToStructByPos[preflight.Collation]); err != nil {
		return fmt.Errorf("collations: %w", err)
	}
	found, err = g.tx.Query(ctx, `SELECT p.oid::regprocedure::text, coalesce(p.probin, ''), p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
			JOIN pg_language l ON l.oid = p.prolang
		WHERE l.lanname = 'c' AND `+userSchemas+` AND `+extensionOf("pg_proc", "p.oid")+` = '' ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("libraries: %w", err)
	}
	if g.source.Native, err = pgx.CollectRows(found, pgx.RowToStructByPos[preflight.Native]); err != nil {
		return fmt.Errorf("libraries: %w", err)
	}
	return nil
}

// lacks finds which of what the schema asks for the server does not have. What it tries, it takes back.
func (p *prober) lacks(ctx context.Context, c *catalog.Catalog, source preflight.Source) error {
	f := p.target
	if f.Standby {
		return nil // refused for that already
	}
	for _, collation := range source.Collations {
		there, err := p.collation(ctx, collation, c.Server.Encoding)
		if err != nil {
			return fmt.Errorf("try collation %s: %w", collation.Name, err)
		}
		if !there {
			f.NoCollation = append(f.NoCollation, collation.Name)
		}
	}
	for _, native := range source.Native {
		if !f.Superuser {
			break // nobody else can make any, which is refused
		}
		refusal, err := p.try(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "CREATE FUNCTION pg_temp.lethe_probe() RETURNS int LANGUAGE c AS "+quoteLiteral(native.Library)+", "+quoteLiteral(native.Symbol))
			return err
		})
		if err != nil {
			return fmt.Errorf("try function %s: %w", native.Name, err)
		}
		if refusal {
			f.NoLibrary = append(f.NoLibrary, native.Name)
		}
	}
	return p.members(ctx, c)
}

// try runs do in a transaction and takes it back. It reports whether the server refused.
func (p *prober) try(ctx context.Context, do func(tx pgx.Tx) error) (refused bool, err error) {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	tried := do(tx)
	if err := tx.Rollback(ctx); err != nil {
		return false, err
	}
	if _, answered := errors.AsType[*ServerError](sanitize(tried)); tried != nil && !answered {
		return false, tried
	}
	return tried != nil, nil
}

// collation reports whether the server has a collation, or can make it.
func (p *prober) collation(ctx context.Context, c preflight.Collation, encoding string) (bool, error) {
	if !c.Own {
		var there bool
		err := p.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace AND collname = $1
			AND collencoding IN (-1, pg_char_to_encoding($2)))`, c.Bare, encoding).Scan(&there)
		return there, err
	}
	if c.Provider == "libc" {
		there, err := p.libc(ctx, c.Collate, encoding)
		if err != nil || !there {
			return false, err
		}
		return p.libc(ctx, c.Ctype, encoding)
	}
	if c.Provider == "builtin" && p.target.Major() < 17 || c.Rules != "" && p.target.Major() < 16 {
		return false, nil
	}
	definition := "provider = " + c.Provider + ", locale = " + quoteLiteral(c.Locale)
	if c.Rules != "" {
		definition += ", rules = " + quoteLiteral(c.Rules)
	}
	if !c.Deterministic {
		definition += ", deterministic = false"
	}
	return p.tryCollation(ctx, definition)
}

// members finds tables and sequences that belong to an extension at the source and not to the target's: ALTER
// EXTENSION … ADD made them its own, so that pg_dump leaves them to an extension that does not make them. Nothing
// at the source tells; the extension is made, and taken back, where any table of its is no configuration.
func (p *prober) members(ctx context.Context, c *catalog.Catalog) error {
	f := p.target
	of := make(map[string][]catalog.Name)
	for _, table := range c.Tables {
		if table.Extension != "" && !table.Configuration {
			of[table.Extension] = append(of[table.Extension], table.Name)
		}
	}
	for _, extension := range c.Extensions {
		names := of[extension.Name]
		if len(names) == 0 || !slices.ContainsFunc(f.Extensions, func(e preflight.Extension) bool { return e.Name == extension.Name }) {
			continue
		}
		var made []string
		refused, err := p.try(ctx, func(tx pgx.Tx) (err error) {
			if _, err = tx.Exec(ctx, `CREATE SCHEMA lethe_probe; SET LOCAL search_path = lethe_probe; CREATE EXTENSION IF NOT EXISTS `+quoted(extension.Name)+` CASCADE`, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			made, err = textColumn(ctx, tx, `SELECT c.relname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = e.oid AND d.deptype = 'e'
				JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid WHERE e.extname = $1`, extension.Name)
			return err
		})
		if err != nil {
			return fmt.Errorf("try extension %s: %w", extension.Name, err)
		}
		for _, name := range names {
			if refused || !slices.Contains(made, name.Name) {
				f.Members = append(f.Members, preflight.Member{Extension: extension.Name, Table: name, Untold: refused})
			}
		}
	}
	return nil
}
