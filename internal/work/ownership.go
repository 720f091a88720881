package work

// Ownership is who owns what of a database, and who may do what with it, in the names of one server.
type Ownership struct {
	// Objects are the user's, and of an extension's and the server's own those whose rights somebody changed.
	Objects []Owned
	// Defaults are the rights that new objects will have.
	Defaults []Defaults
	// Policies are those of row security.
	Policies []Policy
}

// Owned is an object, or a column that has rights of its own.
type Owned struct {
	// Kind is what pg_identify_object calls it, such as "table" or "text search dictionary"; Identity names it
	// among its kind on any server, as SQL.
	Kind, Identity string
	// Column is the column's name, "" for the object itself.
	Column string
	// Schema is where it lives, "" for nowhere.
	Schema string
	Owner  string
	// Foreign reports that an extension or the server made it: then Rights are only those that somebody added,
	// and Revoked those that somebody took away.
	Foreign bool
	Rights  []Right
	Revoked []Right
}

// Defaults are the rights that a role's new objects of a kind will have.
type Defaults struct {
	Role string
	// Schema is the schema they are for, "" for all.
	Schema string
	// Kind is the kind of object as SQL writes it here, such as "TABLES".
	Kind   string
	Rights []Right
}

// Right is one privilege that one role gave another.
type Right struct {
	Grantor string
	// Grantee is "" for PUBLIC.
	Grantee string
	// Privilege is as SQL writes it, "ALL" for all that the server has for such an object.
	Privilege string
	Grantable bool
}

// Policy is a policy of row security.
type Policy struct {
	OID uint32
	// Table is the table's name as SQL.
	Table, Name string
	Restrictive bool
	// Command is "ALL" or the one command it is for.
	Command string
	// Roles are those it is for; empty for PUBLIC.
	Roles []string
	// Using and Check are its expressions as SQL, "" for none.
	Using, Check string
}

// Mentions reports whether any owner, grant or policy names a role that the condition holds of.
func (o *Ownership) Mentions(holds func(role string) bool) bool {
	among := func(rights []Right) bool {
		for _, right := range rights {
			if holds(right.Grantor) || right.Grantee != "" && holds(right.Grantee) {
				return true
			}
		}
		return false
	}
	for _, object := range o.Objects {
		if !object.Foreign && holds(object.Owner) || among(object.Rights) || among(object.Revoked) {
			return true
		}
	}
	for _, d := range o.Defaults {
		if holds(d.Role) || among(d.Rights) {
			return true
		}
	}
	for _, policy := range o.Policies {
		for _, role := range policy.Roles {
			if holds(role) {
				return true
			}
		}
	}
	return false
}

// Owns reports whether a role owns anything of the user's.
func (o *Ownership) Owns(role string) bool {
	for _, object := range o.Objects {
		if !object.Foreign && object.Owner == role {
			return true
		}
	}
	return false
}
