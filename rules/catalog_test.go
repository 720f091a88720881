package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
)

// sketch makes a catalog of a few lines, indented lines belonging to the table above them:
//
//	public.customer rows 500
//	  id int4 pk
//	  email varchar(50) notnull unique
//	  site_id int4 -> public.site.id
//	  unique by_mail (site_id, lower(email)) where (active)
//	  fk (a, b) -> public.other(c, d)
//	  check sane (email)
//	  exclude apart (room)
//	public.payment partitioned (paid)
//	public.payment_1 of public.payment FOR VALUES FROM (1) TO (9)
//
// A generated column may say of what: "lower text generated lower<email>". Kinds of table: partitioned (columns), foreign, matview, extension NAME, inherits NAME. A ~ in a table's
// name is a space.
func sketch(t testing.TB, text string) *catalog.Catalog {
	t.Helper()
	c := &catalog.Catalog{Server: catalog.Server{Version: 150000, Encoding: "UTF8"}, Database: "sketch"}
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !strings.HasPrefix(line, " ") {
			c.Tables = append(c.Tables, sketchTable(t, line))
			continue
		}
		sketchLine(t, &c.Tables[len(c.Tables)-1], strings.TrimSpace(line))
	}
	slices.SortFunc(c.Tables, func(a, b catalog.Table) int { return a.Name.Compare(b.Name) })
	return c
}

func sketchName(t testing.TB, text string) catalog.Name {
	t.Helper()
	var n catalog.Name
	if err := n.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return n
}

func sketchTable(t testing.TB, line string) catalog.Table {
	t.Helper()
	words := strings.Fields(line)
	words[0] = strings.ReplaceAll(words[0], "~", " ")
	table := catalog.Table{
		Name: sketchName(t, words[0]), Kind: catalog.Ordinary, Persistence: catalog.Permanent, Populated: true,
		Size: catalog.Size{Rows: 100, Blocks: 10},
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "rows":
			rows, err := strconv.ParseFloat(words[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			table.Size.Rows = rows
			i++
		case "blocks":
			blocks, err := strconv.ParseInt(words[i+1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			table.Size.Blocks = blocks
			i++
		case "partitioned":
			table.Kind = catalog.Partitioned
			table.PartitionKey = between(words[i+1])
			i++
		case "foreign":
			table.Kind = catalog.Foreign
		case "matview":
			table.Kind = catalog.MaterialisedView
		case "extension":
			table.Extension = words[i+1]
			i++
		case "inherits":
			table.Parents = append(table.Parents, sketchName(t, words[i+1]))
			i++
		case "of":
			table.Parents = []catalog.Name{sketchName(t, words[i+1])}
			table.IsPartition = true
			table.PartitionBound = strings.Join(words[i+2:], " ")
			if j := slices.Index(words, "partitioned"); j > 0 {
				table.PartitionBound = strings.Join(words[i+2:j], " ")
				i = j - 1
				continue
			}
			i = len(words)
		default:
			t.Fatalf("sketch: what is %q in %q?", words[i], line)
		}
	}
	return table
}

func between(s string) []string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "("), ")")
	var out []string
	for _, part := range strings.Split(s, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

func sketchLine(t testing.TB, table *catalog.Table, line string) {
	t.Helper()
	key := regexp.MustCompile(`^fk \((.*)\) -> (\S+)\((.*)\)(.*)$`)
	index := regexp.MustCompile(`^(unique|exclude) (\w+) \((.*?)\)( nulls not distinct)?( where (.*))?$`)
	check := regexp.MustCompile(`^check (\w+) \((.*)\)$`)
	switch {
	case key.MatchString(line):
		m := key.FindStringSubmatch(line)
		table.ForeignKeys = append(table.ForeignKeys, catalog.ForeignKey{
			Name: table.Name.Name + "_fk", Columns: between(m[1]), References: sketchName(t, m[2]), ReferencedColumns: between(m[3]),
			Validated: true, Enforced: true, Definition: "FOREIGN KEY" + m[4],
		})
	case index.MatchString(line):
		m := index.FindStringSubmatch(line)
		made := catalog.Index{
			Name: m[2], Unique: m[1] == "unique", Exclusion: m[1] == "exclude", Valid: true,
			NullsNotDistinct: m[4] != "", Predicate: m[6],
		}
		for _, part := range between(m[3]) {
			made.Columns = append(made.Columns, sketchPart(part))
		}
		table.Indexes = append(table.Indexes, made)
	case check.MatchString(line):
		m := check.FindStringSubmatch(line)
		table.Checks = append(table.Checks, catalog.Check{Name: m[1], Columns: between(m[2])})
	default:
		sketchColumn(t, table, line)
	}
}

// sketchPart reads a column, or a function of one as "lower<email>".
func sketchPart(part string) catalog.IndexPart {
	if f, column, found := strings.Cut(part, "<"); found {
		column = strings.TrimSuffix(column, ">")
		return catalog.IndexPart{Expression: f + "(" + column + ")", Reads: []string{column}}
	}
	return catalog.IndexPart{Column: part}
}

func sketchColumn(t testing.TB, table *catalog.Table, line string) {
	t.Helper()
	words := strings.Fields(line)
	name := words[0]
	if strings.HasPrefix(line, `"`) {
		name, line, _ = strings.Cut(line[1:], `"`)
		words = append([]string{name}, strings.Fields(line)...)
	}
	column := catalog.Column{Name: name, Number: len(table.Columns) + 1, Type: sketchType(words[1])}
	for i := 2; i < len(words); i++ {
		switch words[i] {
		case "notnull":
			column.NotNull = true
		case "pk":
			column.NotNull = true
			table.Indexes = append(table.Indexes, catalog.Index{
				Name: table.Name.Name + "_pkey", Unique: true, Primary: true, Valid: true, Columns: []catalog.IndexPart{{Column: name}},
			})
		case "unique":
			table.Indexes = append(table.Indexes, catalog.Index{
				Name: table.Name.Name + "_" + name + "_key", Unique: true, Valid: true, Columns: []catalog.IndexPart{{Column: name}},
			})
		case "generated":
			column.Generated = "stored"
			if i+1 < len(words) && strings.Contains(words[i+1], "<") {
				column.Default = sketchPart(words[i+1]).Expression
				i++
			}
		case "common":
			fraction, err := strconv.ParseFloat(words[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			column.Stats.Commonest = fraction
			i++
		case "checked":
			column.Type.Domain, column.Type.DomainChecks = "public.checked", []string{"CHECK (true)"}
		case "->":
			parts, err := catalog.SplitName(words[i+1])
			if err != nil || len(parts) != 3 {
				t.Fatalf("sketch: reference %q", words[i+1])
			}
			table.ForeignKeys = append(table.ForeignKeys, catalog.ForeignKey{
				Name: fmt.Sprintf("%s_%s_fkey", table.Name.Name, name), Columns: []string{name},
				References: catalog.Name{Schema: parts[0], Name: parts[1]}, ReferencedColumns: []string{parts[2]},
				Validated: true, Enforced: true, Definition: "FOREIGN KEY",
			})
			i++
		default:
			t.Fatalf("sketch: what is %q in %q?", words[i], line)
		}
	}
	table.Columns = append(table.Columns, column)
}

func sketchType(word string) catalog.Type {
	names := map[string]string{
		"int2": "smallint", "int4": "integer", "int8": "bigint", "varchar": "character varying", "timestamptz": "timestamp with time zone",
		"bool": "boolean",
	}
	base, length, limited := strings.Cut(strings.TrimSuffix(word, ")"), "(")
	typ := catalog.Type{Name: base, Base: base, CaseFolded: base == "citext"}
	if name := names[base]; name != "" {
		typ.Name = name
	}
	if limited {
		typ.MaxLength, _ = strconv.Atoi(length)
		typ.Name += "(" + length + ")"
	}
	return typ
}
