package pg

import (
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// mappingsSQL returns the statements that make the user mappings which are revived, each for the role that stands
// for its own on the target, and what became of those that nobody stands for, or that two would be made of one.
func mappingsSQL(wires []catalog.Wire, revive []Revival, roles work.Roles) ([]string, finding.List) {
	var statements []string
	var found finding.List
	made := make(map[string]bool)
	for _, wire := range wires {
		revival, alive := revived(revive, wire)
		if wire.Kind != catalog.WireMapping || !alive {
			continue
		}
		arrives := true
		if rest, of := strings.CutPrefix(wire.Alive, "CREATE USER MAPPING FOR "+quoted(wire.Owner)+" "); of && wire.Owner != "" {
			var role string
			role, arrives = roles.Of(wire.Owner)
			wire.Alive = "CREATE USER MAPPING FOR " + quoted(role) + " " + rest
		}
		message := ""
		switch {
		case !arrives:
			message = "left out: no role of the target stands for the one it is for"
		case made[wire.Alive]:
			message = "left out: the role that stands for the one it is for has one already"
		}
		if message != "" {
			found = append(found, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: wire.String(), Message: message})
			continue
		}
		made[wire.Alive] = true
		statements = append(statements, revival.sql(wire))
	}
	return statements, found
}
