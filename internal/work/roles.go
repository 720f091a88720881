package work

import "slices"

// Roles says under which name each role of the source is known on the target. The zero Roles changes no
// name. It is read-only.
type Roles struct {
	// Map names a role of the target for a role of the source.
	Map map[string]string
	// Drop are roles of the source that no role stands for: rights they were granted do not arrive, and what
	// they own goes to the owner of the environment's database.
	Drop []string
	// Reader is the role that reads the source for us, "" when it owns something there: what it was granted
	// serves us alone and does not arrive, unless Map says otherwise.
	Reader string
}

// Of returns the name that a role of the source has on the target; false when no role stands for it.
func (r Roles) Of(role string) (name string, arrives bool) {
	if to, ok := r.Map[role]; ok {
		return to, true
	}
	if slices.Contains(r.Drop, role) || role == r.Reader && role != "" {
		return "", false
	}
	return role, true
}

// Changes reports whether the role arrives under another name or not at all.
func (r Roles) Changes(role string) bool {
	to, arrives := r.Of(role)
	return !arrives || to != role
}
