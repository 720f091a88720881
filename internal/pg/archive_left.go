package pg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// leaveOut decides what of the archive does not arrive, and says so: what reaches out of the copy, which
// the preflight tells, our own schema, tables that the order drops, and all that stands on those.
func (a *archive) leaveOut(order *work.Order, revive []Revival, tolerate []string) finding.List {
	ordered := make(map[uint32]bool)
	for _, table := range order.Tables {
		ordered[table.Table.OID] = true
	}
	dropped := make(map[uint32]string)
	for _, table := range order.Catalog.Tables {
		if table.Made() && table.Kind != catalog.MaterialisedView && !ordered[table.OID] {
			dropped[table.OID] = table.Name.String()
		}
	}
	reasons, found := a.unplug(order.Wiring, revive)
	missing := tolerations(tolerate, order.Catalog.Tables)
	sequences := a.sequencesOf(order.Catalog, dropped)
	for _, e := range a.entries {
		if slices.ContainsFunc(missing, func(t tolerated) bool { return t.entry(e) }) {
			a.left[e.id], reasons[e.id] = true, "left out: it needs a key that is tolerated to be missing"
			continue // Verify tells it with the number of keys
		}
		if a.left[e.id] {
			continue // it is among the wiring, which is told beforehand
		}
		reason, quiet := a.reasonAgainst(e, dropped, reasons)
		if name, ok := sequences[e.id]; ok {
			reason, quiet = fmt.Sprintf("left out: the rules drop table %s", name), true
		}
		if e.kind == "EXTENSION" && slices.Contains(order.Without, strings.TrimSpace(strings.TrimPrefix(e.name, "- "))) {
			reason = withoutExtension + strings.TrimSpace(strings.TrimPrefix(e.name, "- "))
		}
		if reason == "" {
			continue
		}
		if strings.HasPrefix(reason, withoutExtension) && holdsData(e) {
			a.refused = append(a.refused, finding.Finding{Code: "extension-needed", Object: e.String(), Message: "the data needs it, and it cannot be " + reason,
				Fix: "install the extension on the target's server and take it out of without:, or leave out what needs it by a rule"})
		}
		reasons[e.id] = reason
		a.left[e.id] = true
		if !quiet {
			found = append(found, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: e.String(), Message: reason})
		}
	}
	return found
}

// sequencesOf returns the entries of sequences that belong to a column of a dropped table, with the table's name; those
// that something else needs aside, such as another table's default, which arrive and belong to nobody.
func (a *archive) sequencesOf(c *catalog.Catalog, dropped map[uint32]string) map[int]string {
	of := make(map[string]string)
	for _, s := range c.Sequences {
		if table := c.Table(s.Table); s.Extension == "" && table != nil && dropped[table.OID] != "" {
			of[s.Name.Schema+" "+s.Name.Name+" "+s.Owner] = dropped[table.OID]
		}
	}
	left := make(map[int]string)
	for _, e := range a.entries {
		if table := of[e.name]; e.kind == "SEQUENCE" && table != "" {
			left[e.id] = table
		}
	}
	for _, e := range a.entries {
		if !slices.Contains([]string{"SEQUENCE OWNED BY", "ACL", "COMMENT", "SECURITY LABEL"}, e.kind) {
			for _, id := range e.needs {
				delete(left, id)
			}
		}
	}
	return left
}

// withoutExtension begins the reason of all that is left out with an extension.
const withoutExtension = "left out: the environment is without extension "

// holdsData reports that without an entry rows would be lost, or would be other than at the source.
func holdsData(e entry) bool {
	return slices.Contains([]string{"TABLE", "MATERIALIZED VIEW", "SEQUENCE", "DEFAULT", "INDEX", "CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT",
		"SCHEMA", "TABLE ATTACH", "FOREIGN TABLE"}, e.kind)
}

// reasonAgainst returns why an entry does not arrive, "" when it does; quiet when nobody need be told.
func (a *archive) reasonAgainst(e entry, dropped map[uint32]string, reasons map[int]string) (reason string, quiet bool) {
	if e.kind == "SCHEMA" && strings.HasPrefix(e.name, "- "+ownSchema+" ") {
		return "ours", true
	}
	if name, ok := dropped[e.oid]; ok && e.class == classRelation {
		return fmt.Sprintf("left out: the rules drop table %s", name), true
	}
	for _, id := range e.needs {
		if why := reasons[id]; why != "" {
			// Views, functions and foreign keys of others are told; the table's own indexes are not. What needs an
			// extension may be of a table that arrives.
			if strings.HasPrefix(why, withoutExtension) && slices.Contains([]string{"TRIGGER", "RULE", "POLICY", "STATISTICS"}, e.kind) {
				return why, false
			}
			ofTable := slices.Contains([]string{"COMMENT", "ACL", "SECURITY LABEL", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "INDEX", "CONSTRAINT", "CHECK CONSTRAINT", "DEFAULT", "TRIGGER", "RULE",
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
		if table.Made() {
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
