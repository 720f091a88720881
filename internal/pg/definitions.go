package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// defined lists every object of the user's that has a definition, one row each: class and object id, the
// relation it belongs to (0 for none), its definition as text, and whether the server spells it anew each time.
// Owners and rights are told elsewhere, and what reaches out of the database too. Columns are told with their
// relation, by name, because a copy may have them in another order.
func defined() string {
	const inSchema = `IN (SELECT n.oid FROM pg_namespace n WHERE ` + userSchemas + `)`
	return `mine (oid) AS MATERIALIZED (SELECT c.oid FROM pg_class c WHERE c.relnamespace ` + inSchema + ` AND c.relpersistence <> 't'
			AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),
	columns (rel, text) AS (SELECT a.attrelid, string_agg(concat_ws(',', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attstorage,
			nullif(a.attcompression, ''), nullif(a.attstattarget, -1), (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(a.attoptions) o WHERE o ~ '^n_distinct'), a.attcollation::regcollation::text, a.attislocal, a.attinhcount,
			CASE WHEN NOT a.attgenerated = '' OR c.relkind = 'v' THEN pg_get_expr(f.adbin, f.adrelid) END, d.description), ';' ORDER BY a.attname COLLATE "C")
		FROM pg_attribute a JOIN mine ON mine.oid = a.attrelid JOIN pg_class c ON c.oid = a.attrelid
		LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
		LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid AND d.objsubid = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY 1),
	defined (class, oid, rel, text, spelt) AS (
		SELECT 'pg_class'::regclass, c.oid, CASE c.relkind WHEN 'S' THEN (SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
					AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) ELSE coalesce(i.indrelid, c.oid) END,
				concat_ws(' ', c.relkind, c.relpersistence, c.relreplident, am.amname, (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o),
					(SELECT string_agg(o, ',' ORDER BY o) FROM unnest(t.reloptions) o), i.indisclustered, i.indisreplident, i.indisvalid,
					(SELECT concat_ws(',', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle) FROM pg_sequence s WHERE s.seqrelid = c.oid),
					CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, columns.text), true
			FROM mine JOIN pg_class c USING (oid) LEFT JOIN pg_class t ON t.oid = c.reltoastrelid LEFT JOIN pg_index i ON i.indexrelid = c.oid
				LEFT JOIN pg_am am ON am.oid = c.relam AND c.relkind <> 'p' LEFT JOIN columns ON columns.rel = c.oid
		UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, coalesce(CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, (SELECT concat_ws(',', p.proparallel, aggkind, aggnumdirectargs, aggtransfn, aggfinalfn,
				aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn, aggfinalextra, aggmfinalextra, aggfinalmodify, aggmfinalmodify, aggsortop::regoperator,
				format_type(aggtranstype, NULL), aggtransspace, format_type(aggmtranstype, NULL), aggmtransspace, agginitval, aggminitval) FROM pg_aggregate WHERE aggfnoid = p.oid)), p.prosqlbody IS NOT NULL
			FROM pg_proc p WHERE p.pronamespace ` + inSchema + `
		UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, concat_ws(' ', t.typtype, t.typcategory, t.typispreferred, t.typisdefined, t.typdelim, t.typlen, t.typbyval, t.typalign, t.typstorage,
				t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typnotnull, format_type(t.typbasetype, t.typtypmod), t.typdefault, t.typcollation::regcollation,
				(SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
				(SELECT concat_ws(',', format_type(r.rngsubtype, NULL), format_type(r.rngmultitypid, NULL), r.rngcollation::regcollation, r.rngcanonical, r.rngsubdiff) FROM pg_range r WHERE r.rngtypid = t.oid),
				(SELECT columns.text FROM columns WHERE columns.rel = t.typrelid)), true
			FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
			WHERE t.typnamespace ` + inSchema + ` AND (t.typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
		UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.conrelid, concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated, k.conislocal, k.coninhcount), true
			FROM pg_constraint k WHERE k.connamespace ` + inSchema + ` AND (k.conrelid = 0 OR k.conrelid IN (SELECT oid FROM mine)) AND NOT (k.contype = 'f' AND k.conparentid <> 0) AND k.contype <> 't' AND NOT (k.contype = 'n' AND k.coninhcount > 0)
		UNION ALL SELECT 'pg_trigger'::regclass, t.oid, t.tgrelid, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled), true FROM pg_trigger t JOIN mine ON mine.oid = t.tgrelid WHERE NOT t.tgisinternal
		UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, r.ev_class, concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled), true FROM pg_rewrite r JOIN mine ON mine.oid = r.ev_class WHERE r.rulename <> '_RETURN'
		UNION ALL SELECT 'pg_policy'::regclass, p.oid, p.polrelid, concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), true FROM pg_policy p JOIN mine ON mine.oid = p.polrelid
		UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, s.stxrelid, concat_ws(' ', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1)), true FROM pg_statistic_ext s WHERE s.stxnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_operator'::regclass, o.oid, 0, concat_ws(' ', o.oprcode, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash, nullif(o.oprcom, 0)::regoperator, nullif(o.oprnegate, 0)::regoperator), false
			FROM pg_operator o WHERE o.oprnamespace ` + inSchema + ` AND o.oprcode <> 0
		UNION ALL SELECT 'pg_opclass'::regclass, o.oid, 0, concat_ws(' ', format_type(o.opcintype, NULL), o.opcdefault, format_type(o.opckeytype, NULL)), false FROM pg_opclass o WHERE o.opcnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_opfamily'::regclass, o.oid, 0, concat_ws(' ', (SELECT string_agg(concat_ws(',', m.amopstrategy, m.amoppurpose, m.amopopr::regoperator), ';' ORDER BY m.amopstrategy, m.amopopr::regoperator::text COLLATE "C") FROM pg_amop m WHERE m.amopfamily = o.oid),
				(SELECT string_agg(concat_ws(',', m.amprocnum, m.amproc::regprocedure), ';' ORDER BY m.amprocnum, m.amproc::regprocedure::text COLLATE "C") FROM pg_amproc m WHERE m.amprocfamily = o.oid)), false FROM pg_opfamily o WHERE o.opfnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_cast'::regclass, c.oid, 0, concat_ws(' ', nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod), false FROM pg_cast c WHERE c.oid > 16383
		UNION ALL SELECT 'pg_collation'::regclass, c.oid, 0, (to_jsonb(c) - '{oid,collnamespace,collowner,collversion}'::text[])::text, false FROM pg_collation c WHERE c.collnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_conversion'::regclass, c.oid, 0, concat_ws(' ', c.conforencoding, c.contoencoding, c.conproc, c.condefault), false FROM pg_conversion c WHERE c.connamespace ` + inSchema + `
		UNION ALL SELECT 'pg_ts_config'::regclass, c.oid, 0, concat_ws(' ', (SELECT prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser), (SELECT string_agg(concat_ws(',', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ';' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)), false FROM pg_ts_config c WHERE c.cfgnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_ts_dict'::regclass, d.oid, 0, concat_ws(' ', (SELECT tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate), d.dictinitoption), false FROM pg_ts_dict d WHERE d.dictnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_ts_parser'::regclass, p.oid, 0, concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype), false FROM pg_ts_parser p WHERE p.prsnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_ts_template'::regclass, t.oid, 0, concat_ws(' ', t.tmplinit, t.tmpllexize), false FROM pg_ts_template t WHERE t.tmplnamespace ` + inSchema + `
		UNION ALL SELECT 'pg_language'::regclass, l.oid, 0, concat_ws(' ', l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regprocedure, nullif(l.laninline, 0)::regprocedure, nullif(l.lanvalidator, 0)::regprocedure), false FROM pg_language l WHERE l.oid > 16383
		UNION ALL SELECT 'pg_am'::regclass, a.oid, 0, concat_ws(' ', a.amtype, a.amhandler), false FROM pg_am a WHERE a.oid > 16383
		UNION ALL SELECT 'pg_transform'::regclass, t.oid, 0, concat_ws(' ', t.trffromsql, t.trftosql), false FROM pg_transform t WHERE t.oid > 16383
		UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 0, '', false FROM pg_namespace n WHERE ` + userSchemas + `
		UNION ALL SELECT 'pg_extension'::regclass, e.oid, 0, '', false FROM pg_extension e
	)`
}

// Definitions reads what every object of the source is defined as, under the snapshot. Some definitions are
// spelled by the server from its newest state all the same: one that is altered between the snapshot and here
// is found to differ when the copy is verified.
func (s *Snapshot) Definitions(ctx context.Context) (definitions []catalog.Definition, err error) {
	err = s.under(ctx, catalog.Name{Schema: "pg_catalog", Name: "pg_depend"}, "", func(conn *pgx.Conn) error {
		definitions, err = readDefinitions(ctx, conn)
		return err
	})
	return definitions, err
}

// readDefinitions reads what every object of the user's is defined as, in the database that q is connected to.
func readDefinitions(ctx context.Context, q querier) ([]catalog.Definition, error) {
	result, err := q.Query(ctx, `WITH `+defined()+` SELECT d.class::oid, d.oid, coalesce(d.rel, 0)::oid, d.text, d.spelt, i.type, i.identity, coalesce(c.description, '')
		FROM defined d CROSS JOIN LATERAL pg_identify_object(d.class, d.oid, 0) i
		LEFT JOIN pg_description c ON c.classoid = d.class AND c.objoid = d.oid AND c.objsubid = 0
		WHERE NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = d.class AND x.objid = d.oid AND x.objsubid = 0 AND x.deptype = 'e') ORDER BY i.type, i.identity`)
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", sanitize(err))
	}
	definitions := []catalog.Definition{} // not nil: they were read
	var d catalog.Definition
	var text, comment string
	var spelt bool
	_, err = pgx.ForEachRow(result, []any{&d.Class, &d.OID, &d.On, &text, &spelt, &d.Kind, &d.Identity, &comment}, func() error {
		if spelt {
			text = skeleton(text)
		}
		d.Digest, d.Comment = digestOf(text), ""
		if comment != "" {
			d.Comment = digestOf(comment)
		}
		definitions = append(definitions, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", sanitize(err))
	}
	return definitions, nil
}

// digestOf is long enough that no two definitions of a database have the same.
func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}
