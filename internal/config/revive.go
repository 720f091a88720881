package config

import (
	"strings"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/secret"
)

// Revival names one thing of the source's outward wiring that may live on the copy.
type Revival struct {
	Place finding.Place
	// Name is its kind and name, such as "publication:prices" or "server:warehouse".
	Name string
	// Options are those of a foreign server or a user mapping on the copy, instead of production's; Secrets are
	// those of them that are fetched, such as a password.
	Options map[string]string
	Secrets map[string]secret.Ref
}

// PostData says how what stands on the rows is built.
type PostData struct {
	// SearchPath are the schemas that functions find their names in meanwhile; none means pg_catalog alone.
	SearchPath []string
}

// Named is a name and where it was written.
type Named struct {
	Place finding.Place
	Name  string
}

// wirePattern is how revive names things: a kind, a colon, a name.
const wirePattern = `^(publication|subscription|server|foreign_data_wrapper|user_mapping|event_trigger|function|trigger|job):.+$`

// reviveShape is one entry of revive.
func reviveShape() *shape {
	const wants = `a kind and a name, such as "publication:prices"`
	return choice("a kind and a name, or a mapping with them", matching(wirePattern, wants), object(
		key("name", matching(wirePattern, wants), "What may live.").needed(),
		key("options", named(`^[^\x00]+$`, text("a text")), "Options of a foreign server or a user mapping, instead of production's."),
		key("secrets", named(`^[^\x00]+$`, secretRef()), "Options that are fetched, such as a password."),
	))
}

// revive reads what may live on the copy. Options belong to servers and user mappings alone.
func (d *decoder) revive(environment string, v *value) []Revival {
	var revived []Revival
	for _, item := range v.list() {
		r := Revival{Place: item.at(), Name: item.text()}
		if item.mapping {
			r.Name = item.get("name").text()
			if options := item.get("options"); options != nil {
				r.Options = make(map[string]string, len(options.names))
				for _, name := range options.names {
					r.Options[name] = options.get(name).text()
				}
			}
			if secrets := item.get("secrets"); secrets != nil {
				r.Secrets = make(map[string]secret.Ref, len(secrets.names))
				for _, name := range secrets.names {
					r.Secrets[name] = d.secret(secrets.get(name))
					if _, twice := r.Options[name]; twice {
						d.report("conflict", secrets.get(name).at(), "delete it from options", "environments.%s.revive gives option %s twice", environment, quoted(name))
					}
				}
			}
		}
		wired := strings.HasPrefix(r.Name, "server:") || strings.HasPrefix(r.Name, "user_mapping:")
		if given := len(r.Options)+len(r.Secrets) > 0; r.Name != "" && given != wired {
			if given {
				d.report("conflict", r.Place, "delete options and secrets", "environments.%s.revive: only a foreign server and a user mapping have options", environment)
			} else {
				d.report("missing-key", r.Place, "add options: with where it leads on the copy; production's are never used",
					"environments.%s.revive: a foreign server or a user mapping needs options of its own", environment)
			}
		}
		revived = append(revived, r)
	}
	return revived
}
