package preflight

import (
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

// Named is a name that the configuration gives, and where it does.
type Named struct {
	Name  string
	Place finding.Place
}

// Wiring says what becomes of everything that reaches out of a source: a warning of the code "inert" for each
// that does not live on the copy, an error for each that can neither be made inert nor be left out, and for each
// name under revive that cannot be followed. It changes nothing.
func Wiring(wires []catalog.Wire, revive []Named) finding.List {
	var found finding.List
	names := make([]string, len(wires))
	alive := make(map[string]bool, len(revive))
	for i, wire := range wires {
		names[i] = wire.String()
	}
	for _, r := range revive {
		alive[r.Name] = true
	}
	for _, r := range revive {
		i := slices.Index(names, r.Name)
		problem, fix := "", ""
		switch {
		case i < 0:
			problem, fix = "the source has nothing of that name to revive", nearestWire(r.Name, names)
		case wires[i].Kind == catalog.WireSubscription:
			problem = "a subscription cannot be revived: it would take a slot of its publisher, and a database with one cannot be replaced"
			fix = "make it after publishing, and drop it before the next refresh"
		case wires[i].Kind == catalog.WireServer && wires[i].Alive == "":
			problem, fix = "its options cannot be replaced: "+wires[i].Unmade, "drop its foreign tables on the source, or leave the extension out by without:"
		case strings.HasPrefix(wires[i].Name, "pg_cron:"):
			problem = "a job of pg_cron cannot be revived: pg_cron lives in one database of a server, never in one that is being built"
			fix = "schedule it in the target's own cron database after publishing"
		case wires[i].Needs != "" && slices.Contains(names, wires[i].Needs) && !alive[wires[i].Needs]:
			problem, fix = "what it needs is not revived", "name "+wires[i].Needs+" too"
		default:
			continue
		}
		found = append(found, finding.Finding{Code: "revive", Severity: finding.Error, Place: r.Place, Object: r.Name, Message: problem, Fix: fix})
	}
	for _, wire := range wires {
		if alive[wire.String()] {
			continue
		}
		if wire.Unmade != "" {
			found = append(found, finding.Finding{Code: "reaches-out", Severity: finding.Error, Object: wire.String(),
				Message: "it cannot arrive inert: " + wire.Unmade, Fix: "drop it on the source, or name it under revive:"})
			continue
		}
		found = append(found, finding.Finding{Code: "inert", Severity: finding.Warning, Object: wire.String(), Message: fate(wire)})
	}
	found.Sort()
	return found
}

// fate says what becomes of a wire that is not revived.
func fate(wire catalog.Wire) string {
	switch wire.Kind {
	case catalog.WirePublication, catalog.WireSubscription:
		return "left out: the copy feeds nobody and is fed by nobody"
	case catalog.WireServer:
		return "arrives without its options, and its foreign tables without theirs: they are there, and lead nowhere"
	case catalog.WireWrapper:
		return "arrives without its options"
	case catalog.WireMapping:
		return "left out: no password of production's arrives"
	case catalog.WireEvent:
		return "arrives disabled, or not at all where our role on the target is no superuser"
	case catalog.WireFunction:
		return "arrives with a body that raises an error: its own reaches other servers"
	case catalog.WireTrigger:
		return "arrives disabled and without arguments: its function reaches other servers"
	case catalog.WireJob:
		if strings.HasPrefix(wire.Name, "pg_partman:") {
			return "arrives with automatic maintenance off"
		}
		return "left out: nothing runs on the copy by itself"
	}
	return "arrives inert"
}

// nearestWire suggests a name that may have been meant.
func nearestWire(name string, names []string) string {
	kind, rest, _ := strings.Cut(name, ":")
	var of []string
	for _, known := range names {
		other, bare, _ := strings.Cut(known, ":")
		if bare == rest || strings.EqualFold(known, name) || strings.HasSuffix(bare, "."+rest) {
			return "did you mean " + known + "?"
		}
		if function, _, call := strings.Cut(bare, "("); call && function == strings.Split(rest, "(")[0] {
			return "did you mean " + known + "?"
		}
		if other == kind {
			of = append(of, known)
		}
	}
	if len(of) == 0 {
		return "remove it"
	}
	return "known: " + strings.Join(of[:min(len(of), 5)], ", ")
}
