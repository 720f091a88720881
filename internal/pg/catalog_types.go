package pg

import (
	"context"

	"github.com/lethedb/lethe/internal/catalog"
)

// typeRow is a type as pg_type has it.
type typeRow struct {
	OID          uint32
	Schema, Name string
	// Kind is typtype: b base, c composite, d domain, e enum, r range, m multirange, p pseudo.
	Kind string
	// Base and Modifier are those of a domain; Element is that of a true array.
	Base      uint32
	Modifier  int32
	Element   uint32
	NotNull   bool
	Extension string
	Labels    []string
	Checks    []string
	// Fields are those of a composite type.
	Fields []string
}

// types reads the types of all columns, with those that they are made of.
func (r *reader) types(ctx context.Context) error {
	// int2vector (22) and oidvector (30) look like arrays and are written otherwise.
	found, err := rows[typeRow](ctx, r, "types", `WITH RECURSIVE used (oid) AS (
			SELECT DISTINCT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
				JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'm') AND `+userSchemas+`
			UNION
			SELECT m.oid FROM used JOIN pg_type t ON t.oid = used.oid CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) m (oid)
				WHERE m.oid <> 0
		)
		SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text, t.typbasetype, t.typtypmod,
			CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc AND t.oid NOT IN (22, 30) THEN t.typelem ELSE 0::oid END,
			t.typnotnull, `+extensionOf("pg_type", "t.oid")+`,
			ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
			ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
				WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname COLLATE "C"),
			ARRAY(SELECT a.attname::text FROM pg_attribute a
				WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
		FROM used JOIN pg_type t ON t.oid = used.oid JOIN pg_namespace n ON n.oid = t.typnamespace`)
	if err != nil {
		return err
	}
	r.typesOf = make(map[uint32]typeRow, len(found))
	for _, f := range found {
		r.typesOf[f.OID] = f
	}
	return nil
}

// columnType returns what is known of a type with a modifier, without its name as SQL, and whether a
// domain on the way forbids NULL.
func (r *reader) columnType(oid uint32, modifier int32) (typ catalog.Type, notNull bool) {
	base, modifier := r.unfold(&typ, oid, modifier, &notNull)
	typ.Base = baseName(base)
	scalar := base
	if base.Element != 0 {
		// What a domain over the elements demands of them is not what the column demands: a NULL array is one thing,
		// a NULL element another. Its checks hold all the same.
		element := catalog.Type{DomainChecks: typ.DomainChecks}
		var ignored bool
		scalar, modifier = r.unfold(&element, base.Element, modifier, &ignored)
		typ.Base = baseName(scalar) + "[]"
		typ.DomainChecks = element.DomainChecks
		if typ.Extension == "" {
			typ.Extension = element.Extension
		}
	} else if base.Kind == "e" {
		typ.Enum = base.Labels
	}
	typ.Composite, typ.Fields = base.Kind == "c", scalar.Fields
	typ.CaseFolded = scalar.Name == "citext" && scalar.Extension == "citext"
	typ.MaxLength, typ.Precision, typ.Scale = limits(scalar, modifier)
	return typ, notNull
}

// unfold walks from a type down its domains to what is underneath, collecting checks and the extension.
func (r *reader) unfold(typ *catalog.Type, oid uint32, modifier int32, notNull *bool) (typeRow, int32) {
	current := r.typesOf[oid]
	for current.Kind == "d" {
		if typ.Domain == "" {
			typ.Domain = catalog.Name{Schema: current.Schema, Name: current.Name}.String()
		}
		if typ.Extension == "" {
			typ.Extension = current.Extension
		}
		if modifier < 0 {
			modifier = current.Modifier
		}
		typ.DomainChecks = append(typ.DomainChecks, current.Checks...)
		*notNull = *notNull || current.NotNull
		current = r.typesOf[current.Base]
	}
	if typ.Extension == "" {
		typ.Extension = current.Extension
	}
	return current, modifier
}

// baseName names a type for those who decide by name what a mask may do. Types of users carry their
// schema, so that somebody's public.date is not taken for a date.
func baseName(t typeRow) string {
	if t.Schema == "pg_catalog" || t.Extension != "" {
		return t.Name
	}
	return catalog.Name{Schema: t.Schema, Name: t.Name}.String()
}

// limits decodes a type modifier as the server packs it.
func limits(t typeRow, modifier int32) (length, precision, scale int) {
	if t.Schema != "pg_catalog" {
		return 0, 0, 0
	}
	const header = 4 // the server counts a value's length word in the modifier
	switch {
	case t.Name == "name":
		return 63, 0, 0
	case modifier < 0:
		return 0, 0, 0
	case t.Name == "bit" || t.Name == "varbit":
		return int(modifier), 0, 0
	case modifier < header:
		return 0, 0, 0
	case t.Name == "varchar" || t.Name == "bpchar":
		return int(modifier - header), 0, 0
	case t.Name == "numeric":
		// 11 bits of scale, signed since 15; older scales never reach the sign.
		packed := modifier - header
		return 0, int(packed >> 16 & 0xffff), int((packed&0x7ff)^1024) - 1024
	}
	return 0, 0, 0
}
