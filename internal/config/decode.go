package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lethedb/lethe/internal/secret"
)

// decoder turns checked values into a Config and reports what no shape can tell: references between
// keys. It works on incomplete values too, so that all problems show at once.
type decoder struct {
	*checker
	path string
}

func (d *decoder) config(root *value) *Config {
	c := &Config{
		File:         d.path,
		Keys:         d.keys(root.get("keys")),
		State:        d.resolve(root.get("state").text()),
		Rules:        d.resolve(root.get("rules").text()),
		AllowCustom:  d.allowCustom(root.get("allow_custom")),
		Sources:      map[string]Source{},
		Environments: map[string]Environment{},
	}
	if sources := root.get("sources"); sources != nil {
		for _, name := range sources.names {
			c.Sources[name] = d.source(name, sources.get(name))
		}
	}
	if environments := root.get("environments"); environments != nil {
		for _, name := range environments.names {
			c.Environments[name] = d.environment(name, environments.get(name), c)
		}
		d.distinctTargets(environments.names, c)
	}
	return c
}

func (d *decoder) allowCustom(v *value) []Allowed {
	if v == nil {
		return nil
	}
	var all []Allowed
	for _, item := range v.items {
		if item == nil {
			continue // reported already
		}
		a := Allowed{
			Place: item.at(), Path: item.get("path").text(), SHA256: item.get("sha256").text(),
			Timeout: d.atLeast(time.Second, item.get("timeout"), "allow_custom.timeout"),
		}
		all = append(all, a)
	}
	return all
}

func (d *decoder) keys(v *value) Keys {
	masking := v.get("masking")
	return Keys{
		Place:     v.at(),
		Masking:   d.secret(masking),
		Ephemeral: masking.text() == "ephemeral",
		Signing:   d.secret(v.get("signing")),
		Trusted:   d.resolveAll(v.get("trusted").texts()),
	}
}

func (d *decoder) source(name string, v *value) Source {
	const megabyte = 1e6
	where := "sources." + name + "."
	stop := v.get("stop_when")
	return Source{
		Name: name, Place: v.at(), DSN: d.secret(v.get("dsn")), Connections: v.get("connections").integer(),
		Rate:           int64(v.get("rate").number() * megabyte),
		YieldAfter:     d.atLeast(shortestYield, v.get("yield_after"), where+"yield_after"),
		MaxSnapshotAge: d.atLeast(time.Second, v.get("max_snapshot_age"), where+"max_snapshot_age"),
		StopWhen: StopWhen{
			Place:          stop.at(),
			ReplicationLag: d.atLeast(time.Second, stop.get("replication_lag"), where+"stop_when.replication_lag"),
			ActiveSessions: stop.get("active_sessions").integer(),
			Lasts:          d.duration(stop.get("lasts"), stop.get("lasts").text(), where+"stop_when.lasts"),
		},
	}
}

// shortestYield is the shortest wait that a run can tell from the ordinary: it looks several times in it.
const shortestYield = 200 * time.Millisecond

// atLeast reads a duration that must not be shorter than least; an absent one is 0.
func (d *decoder) atLeast(least time.Duration, v *value, where string) time.Duration {
	out := d.duration(v, v.text(), where)
	if v.text() != "" && out < least {
		d.report("bad-value", v.at(), "", "%s wants at least %s", where, least)
	}
	return out
}

func (d *decoder) environment(name string, v *value, c *Config) Environment {
	e := Environment{
		Name: name, Place: v.at(),
		Kind: d.kind(name, v),
		From: d.from(name, v.get("from"), c),
		Target: Target{
			Place: v.get("target").at(), DSN: d.secret(v.get("target").get("dsn")),
			Maintenance: v.get("target").get("maintenance").text(),
		},
		Slots:     d.slots(name, v.get("slots")),
		Jobs:      v.get("jobs").integer(),
		Undecided: Undecided(v.get("undecided").text()),
	}
	e.Publish.Sessions = d.sessions(name, v.get("publish").get("sessions"))
	publish := v.get("publish")
	e.Publish.Window = d.window(name, publish)
	e.Publish.Announce = d.duration(publish.get("announce"), publish.get("announce").text(), "environments."+name+".publish.announce")
	e.Retain, e.After, e.Hooks = d.retain(name, v.get("retain")), d.after(name, v.get("after")), d.hooks(name, v.get("hooks"))
	keep := v.get("keep_previous")
	e.KeepPrevious = KeepPrevious{
		Count: keep.get("count").integer(),
		For:   d.duration(keep.get("for"), keep.get("for").text(), "environments."+name+".keep_previous.for"),
	}
	e.Roles = d.roles(name, v.get("roles"))
	e.Without.Extensions = v.get("without").get("extensions").texts()
	e.Revive = d.revive(name, v.get("revive"))
	e.PostData.SearchPath = v.get("post_data").get("search_path").texts()
	for _, item := range v.get("tolerate").list() {
		e.Tolerate = append(e.Tolerate, Named{Place: item.at(), Name: item.text()})
	}
	if e.Slots != nil && e.KeepPrevious.Count > 1 {
		d.report("conflict", keep.get("count").at(), "write 1 or 0",
			"environments.%s.keep_previous.count: two slots hold one previous database at most", name)
	}
	return e
}

// kind returns what was written, else the name where that is a kind: policies hang on it, so it is
// never guessed.
func (d *decoder) kind(name string, v *value) Kind {
	if v.get("kind") != nil || v == nil || slices.Contains(v.names, "kind") {
		return Kind(v.get("kind").text())
	}
	known := []string{string(ProductionCopy), string(Staging), string(Dev), string(QA), string(Sandbox)}
	if !slices.Contains(known, name) {
		d.report("missing-kind", v.at(), "add kind: "+join(known, "or"), "environments.%s.kind is missing, and the name is not a kind", name)
	}
	return Kind(name)
}

func (d *decoder) from(environment string, v *value, c *Config) string {
	name := v.text()
	if _, known := c.Sources[name]; name == "" || known {
		return name
	}
	where := "environments." + environment + ".from"
	if name == "snapshot" || strings.HasPrefix(name, "drill:") {
		d.report("not-yet", v.at(), "name a source", "%s: only sources can be read yet", where)
		return name
	}
	var sources []string
	for s := range c.Sources {
		sources = append(sources, s)
	}
	slices.Sort(sources)
	fix := didYouMean(name, sources)
	if fix == "" {
		fix = "add it under sources:"
	}
	d.report("unknown-source", v.at(), fix, "%s names no source", where)
	return name
}

func (d *decoder) slots(environment string, v *value) *Slots {
	if v == nil {
		return nil
	}
	s := &Slots{Place: v.at()}
	copy(s.Databases[:], v.get("databases").texts())
	if s.Databases[0] != "" && s.Databases[0] == s.Databases[1] {
		d.report("conflict", v.get("databases").at(), "name two", "environments.%s.slots.databases are one and the same", environment)
	}
	pointer := v.get("pointer")
	s.Pointer = Pointer{File: d.resolve(pointer.get("file").text()), Command: d.command(pointer.get("command").texts())}
	return s
}

// roles reads what becomes of roles; one cannot be both mapped and dropped.
func (d *decoder) roles(environment string, v *value) Roles {
	r := Roles{Drop: v.get("drop").texts()}
	if mapped := v.get("map"); mapped != nil {
		r.Map = make(map[string]string, len(mapped.names))
		for _, from := range mapped.names {
			r.Map[from] = mapped.get(from).text()
			if slices.Contains(r.Drop, from) {
				d.report("conflict", mapped.get(from).at(), "delete it from one of the two", "environments.%s.roles both maps and drops role %s", environment, from)
			}
		}
	}
	return r
}

// sessions reads "drain DURATION", "terminate" or "refuse"; the shape has seen to the form.
func (d *decoder) sessions(environment string, v *value) Sessions {
	mode, patience, _ := strings.Cut(v.text(), " ")
	s := Sessions{Mode: SessionsMode(mode)}
	if s.Mode == Drain {
		s.Wait = d.duration(v, strings.TrimLeft(patience, " "), "environments."+environment+".publish.sessions")
	}
	return s
}

// distinctTargets reports environments that name the same target, or a source as their target. Equal
// names are told here without a server; other ways to the same database are the guards' to find.
func (d *decoder) distinctTargets(names []string, c *Config) {
	for i, name := range names {
		dsn := c.Environments[name].Target.DSN
		if dsn.IsZero() {
			continue
		}
		place := c.Environments[name].Target.Place
		for _, other := range names[:i] {
			if reflect.DeepEqual(c.Environments[other].Target.DSN, dsn) {
				d.report("conflict", place, "give each environment a database of its own",
					"environments.%s and environments.%s publish on the same target", other, name)
			}
		}
		for source := range c.Sources {
			if reflect.DeepEqual(c.Sources[source].DSN, dsn) {
				d.report("conflict", place, "name another database",
					"environments.%s would publish on its own source, sources.%s", name, source)
			}
		}
	}
}

// duration reads a text whose form the shape has seen to; only its size is left to refuse.
func (d *decoder) duration(v *value, text, where string) time.Duration {
	if text == "" {
		return 0
	}
	out, err := ParseDuration(text)
	if err != nil {
		d.report("bad-value", v.at(), "", "%s is longer than 292 years", where)
	}
	return out
}

func (d *decoder) secret(v *value) secret.Ref {
	return secret.Ref{
		Env: v.get("env").text(), File: d.resolve(v.get("file").text()), Command: d.command(v.get("command").texts()),
	}
}

// resolve makes a relative path one from the directory of the file; "" stays "".
func (d *decoder) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.path), path)
}

func (d *decoder) resolveAll(paths []string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, d.resolve(p))
	}
	return out
}

// command resolves the program when it is a path; a bare name is looked for in PATH when it is run.
func (d *decoder) command(argv []string) []string {
	if len(argv) > 0 && strings.ContainsRune(argv[0], filepath.Separator) {
		argv[0] = d.resolve(argv[0])
		// Joining "." and "./program" leaves a bare name, which would be looked for elsewhere.
		if !strings.ContainsRune(argv[0], filepath.Separator) {
			argv[0] = "." + string(filepath.Separator) + argv[0]
		}
	}
	return argv
}
