package pg

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// readFunctions reads the user's own functions that reach other servers. Each is made with its signature
// and a body that raises an error: who owns it, or is a superuser, could call a function that only lost its
// rights, and its text may hold a password.
func readFunctions(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		OID                                       uint32
		Signature, Schema, Name, Arguments, Owner string
		Result                                    *string
		Kind, Volatile, Parallel                  string
		Strict                                    bool
		Odd                                       bool
	}
	return collect(ctx, q, `WITH RECURSIVE `+reachingOut+`
		SELECT p.oid, p.oid::regprocedure::text, n.nspname::text, p.proname::text, pg_get_function_arguments(p.oid), pg_get_userbyid(p.proowner)::text,
			pg_get_function_result(p.oid), p.prokind::text, p.provolatile::text, p.proparallel::text, p.proisstrict,
			EXISTS (SELECT FROM unnest(p.proargtypes || p.prorettype) t (oid) WHERE t.oid IN ('"any"'::regtype, 'internal'::regtype, 'cstring'::regtype))
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.oid IN (SELECT oid FROM reaching) AND p.prokind <> 'a' AND `+userSchemas+` AND `+extensionOf("pg_proc", "p.oid")+` = '' ORDER BY 2`,
		func(r row) (catalog.Wire, error) {
			w := catalog.Wire{Kind: catalog.WireFunction, Name: r.Signature, Class: classFunction, OID: r.OID, Owner: r.Owner}
			if r.Odd || r.Kind == "w" {
				w.Unmade = "a function of its kind can be written in C alone, and so not be made without its body"
				return w, nil
			}
			name := catalog.Name{Schema: r.Schema, Name: r.Name}.SQL()
			// No name with a parenthesis stands in it: it would be taken for a call.
			const body = `BEGIN RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'inert on this copy: the function reaches other servers', HINT = 'Name it under revive of the environment.'; END`
			if r.Kind == "p" {
				w.Inert = "CREATE PROCEDURE " + name + "(" + r.Arguments + ") LANGUAGE plpgsql AS " + quoteLiteral(body)
				return w, nil
			}
			if r.Result == nil {
				return w, errors.New("a function has no result")
			}
			w.Inert = "CREATE FUNCTION " + name + "(" + r.Arguments + ") RETURNS " + *r.Result + " LANGUAGE plpgsql " +
				map[string]string{"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}[r.Volatile] + " PARALLEL " +
				map[string]string{"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}[r.Parallel]
			if r.Strict {
				w.Inert += " STRICT"
			}
			w.Inert += " AS " + quoteLiteral(body)
			return w, nil
		})
}

// readTriggers reads the triggers whose functions reach other servers. Each is made disabled and without
// its arguments, which often hold an address with its key.
func readTriggers(ctx context.Context, q querier) ([]catalog.Wire, error) {
	type row struct {
		OID                                             uint32
		Schema, Table, Kind, Name, Function, Definition string
		Own                                             bool
		Arguments                                       []byte
	}
	return collect(ctx, q, `WITH RECURSIVE `+reachingOut+`
		SELECT t.oid, n.nspname::text, c.relname::text, c.relkind::text, t.tgname::text, t.tgfoid::regprocedure::text, pg_get_triggerdef(t.oid),
			`+extensionOf("pg_proc", "t.tgfoid")+` = '', t.tgargs
		FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE t.tgfoid IN (SELECT oid FROM reaching) AND NOT t.tgisinternal AND t.tgparentid = 0 AND `+userSchemas+` ORDER BY 2, 3, 5`,
		func(r row) (catalog.Wire, error) {
			table := catalog.Name{Schema: r.Schema, Name: r.Table}
			w := catalog.Wire{Kind: catalog.WireTrigger, Name: table.Column(r.Name), Class: classTrigger, OID: r.OID}
			if r.Own {
				w.Needs = string(catalog.WireFunction) + ":" + r.Function
			}
			create, ok := withoutArguments(r.Definition, r.Arguments)
			if !ok {
				w.Unmade = "the server spells its arguments in a way that is not known"
				return w, nil
			}
			w.Inert = create
			if r.Kind != "v" { // a view's cannot be disabled; its function is inert
				w.Inert += "; ALTER TABLE " + table.SQL() + " DISABLE TRIGGER " + quoted(r.Name)
			}
			return w, nil
		})
}

// withoutArguments returns the definition of a trigger without the arguments of its function, which the
// server spells last.
func withoutArguments(definition string, encoded []byte) (string, bool) {
	var list []string
	for len(encoded) > 0 {
		argument, rest, _ := bytes.Cut(encoded, []byte{0})
		list, encoded = append(list, "'"+strings.ReplaceAll(string(argument), "'", "''")+"'"), rest
	}
	create, ok := strings.CutSuffix(definition, "("+strings.Join(list, ", ")+")")
	return create + "()", ok
}
