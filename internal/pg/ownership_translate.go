package pg

import (
	"fmt"
	"slices"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/work"
)

// translator writes a source's ownership in the names of the target.
type translator struct {
	roles work.Roles
	// heir owns what belonged to roles that do not arrive: the owner of the environment's database.
	heir string
	// lost counts the rights that did not arrive for each such role, left the objects that went to the heir.
	lost, inherited map[string]int
}

// translate returns the ownership that the copy shall have, and what became of roles that do not arrive.
func translate(o *work.Ownership, roles work.Roles, heir string) (*work.Ownership, finding.List) {
	t := &translator{roles: roles, heir: heir, lost: map[string]int{}, inherited: map[string]int{}}
	to := &work.Ownership{}
	var found finding.List
	for _, object := range o.Objects {
		owner := object.Owner
		object.Owner = t.owner(owner, !object.Foreign)
		object.Rights = t.rights(object.Rights, owner, object.Owner)
		object.Revoked = t.rights(object.Revoked, owner, object.Owner)
		if object.Foreign && len(object.Rights)+len(object.Revoked) == 0 {
			continue
		}
		to.Objects = append(to.Objects, object)
	}
	for _, d := range o.Defaults {
		role, arrives := roles.Of(d.Role)
		if !arrives {
			t.lost[d.Role]++
			continue
		}
		d.Rights = t.rights(d.Rights, d.Role, role)
		d.Role = role
		to.Defaults = append(to.Defaults, d)
	}
	to.Defaults = merged(to.Defaults)
	for _, policy := range o.Policies {
		named := len(policy.Roles)
		policy.Roles = t.names(policy.Roles)
		if named > 0 && len(policy.Roles) == 0 {
			found = append(found, finding.Finding{Code: "left-out", Severity: finding.Warning, Object: "policy " + policy.Name + " on " + policy.Table,
				Message: "left out: none of the roles it is for arrives"})
			continue
		}
		to.Policies = append(to.Policies, policy)
	}
	return to, append(found, t.report()...)
}

// owner returns who owns on the target what a role owns at the source.
func (t *translator) owner(role string, counted bool) string {
	if to, arrives := t.roles.Of(role); arrives {
		return to
	}
	if counted {
		t.inherited[role]++
	}
	return t.heir
}

// rights translates the rights on what from owns at the source and to on the target. A grant that a role
// gave which does not arrive is the owner's; what two roles have who become one is one right.
func (t *translator) rights(rights []work.Right, from, to string) []work.Right {
	name := func(role string) (string, bool) {
		if role == from {
			return to, true
		}
		return t.roles.Of(role)
	}
	grantable := map[work.Right]bool{}
	var keys []work.Right
	for _, right := range rights {
		grantor, arrives := name(right.Grantor)
		if !arrives {
			grantor = to
		}
		grantee := ""
		if right.Grantee != "" {
			if grantee, arrives = name(right.Grantee); !arrives {
				t.lost[right.Grantee]++
				continue
			}
		}
		if grantee == grantor && grantee != to {
			continue // nobody grants to himself; he has it from whom he had it
		}
		key := work.Right{Grantor: grantor, Grantee: grantee, Privilege: right.Privilege}
		if _, known := grantable[key]; !known {
			keys = append(keys, key)
		}
		own := grantee == to && grantor == to // an owner may pass on everything anyway
		grantable[key] = grantable[key] || right.Grantable && !own
	}
	var out []work.Right
	for _, right := range keys {
		option, all := grantable[right], right
		all.Privilege = "ALL"
		if given, ok := grantable[all]; ok && right.Privilege != "ALL" && (given || !option) {
			continue // it is among all
		}
		right.Grantable = option
		out = append(out, right)
	}
	return out
}

// names translates a list of roles; those that do not arrive are gone, and none is named twice.
func (t *translator) names(roles []string) []string {
	var names []string
	for _, role := range roles {
		if to, arrives := t.roles.Of(role); arrives {
			names = append(names, to)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// report says what became of roles that do not arrive, one line for each.
func (t *translator) report() finding.List {
	var found finding.List
	var roles []string
	for role := range t.lost {
		roles = append(roles, role)
	}
	for role := range t.inherited {
		roles = append(roles, role)
	}
	slices.Sort(roles)
	for _, role := range slices.Compact(roles) {
		f := finding.Finding{Code: "role-left-out", Severity: finding.Warning, Object: role,
			Message: fmt.Sprintf("rights on %d objects were left out with the role", t.lost[role])}
		if n := t.inherited[role]; n > 0 {
			f.Message += fmt.Sprintf(", and the %d objects it owns belong to %s", n, t.heir)
		}
		if role == t.roles.Reader {
			f.Severity = finding.Note
			f.Message = fmt.Sprintf("the role reads the source for us: its rights on %d objects stay there", t.lost[role])
		}
		found = append(found, f)
	}
	return found
}

// merged joins the default privileges of roles that became one.
func merged(all []work.Defaults) []work.Defaults {
	var out []work.Defaults
	for _, d := range all {
		i := slices.IndexFunc(out, func(o work.Defaults) bool { return o.Role == d.Role && o.Schema == d.Schema && o.Kind == d.Kind })
		if i < 0 {
			out = append(out, d)
			continue
		}
		for _, right := range d.Rights {
			if !slices.Contains(out[i].Rights, right) {
				out[i].Rights = append(out[i].Rights, right)
			}
		}
	}
	return out
}
