package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// frozen is what of an environment's configuration has its effect on a build before a run of it can fail
// resumably: digests by the names of keys. What is not in it is read anew when the run is gone on with: hooks,
// publish, keep_previous, jobs, the search_path of post_data, what of after: was not run, and what more is tolerated.
type frozen struct {
	// Keys stay as they are once the rows have arrived.
	Keys map[string]string
	// Mappings are the user mappings that live, which are made at the end; secrets are not among it.
	Mappings map[string]string
	// Retain are the rows of the environment's own, which come before what is under after:.
	Retain map[string]string
}

// freeze reads what decides a build by this environment.
func freeze(env config.Environment) frozen {
	f := frozen{Keys: map[string]string{}, Mappings: map[string]string{}, Retain: map[string]string{}}
	at := func(key string) string { return "environments." + env.Name + "." + key }
	f.Keys[at("from")] = digestOf(env.From)
	f.Keys[at("undecided")] = digestOf(env.Undecided)
	for role, to := range env.Roles.Map {
		f.Keys[at("roles.map: ")+role] = digestOf(to)
	}
	for _, role := range env.Roles.Drop {
		f.Keys[at("roles.drop: ")+role] = digestOf()
	}
	for _, extension := range env.Without.Extensions {
		f.Keys[at("without.extensions: ")+extension] = digestOf()
	}
	for _, r := range env.Revive {
		into := f.Keys
		if strings.HasPrefix(r.Name, string(catalog.WireMapping)+":") {
			into = f.Mappings
		}
		var options []any
		for _, name := range slices.Sorted(maps.Keys(r.Options)) {
			options = append(options, name, r.Options[name])
		}
		into[at("revive: ")+r.Name] = digestOf(append(options, slices.Sorted(maps.Keys(r.Secrets)))...)
	}
	for _, t := range env.Tolerate {
		f.Keys[at("tolerate: ")+t.Name] = digestOf()
	}
	for _, r := range env.Retain {
		f.Retain[at("retain: ")+r.Table.String()] = digestOf(r.Where, r.OnMissing, r.Replace, r.Lose)
	}
	return f
}

// digestOf is a digest of values, told apart whatever they hold.
func digestOf(values ...any) string {
	sum := sha256.New()
	for _, value := range values {
		fmt.Fprintf(sum, "%#v\n", value) // a string in quotes
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// changed names the keys that are not as they were when the run had decided by them. What is tolerated may grow: what
// stands already is refused when it is known what does.
func (r *refreshing) changed(before, now map[string]string) finding.List {
	names := slices.Sorted(maps.Keys(before))
	for name := range now {
		if _, both := before[name]; !both && !strings.HasPrefix(name, "environments."+r.env.Name+".tolerate: ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var found finding.List
	for _, name := range names {
		was, there := before[name]
		is, stays := now[name]
		if was == is && there == stays {
			continue
		}
		message := "it is another than run " + r.passage.run + " was built by"
		switch {
		case !there:
			message = "run " + r.passage.run + " was built without it"
		case !stays:
			message = "run " + r.passage.run + " was built by it, and it is not there any more"
		}
		found = append(found, finding.Finding{Code: "config-changed", Place: r.env.Place, Object: name, Message: message, Fix: r.putBack()})
	}
	return found
}

// putBack is what to do about a part of the configuration that has had its effect.
func (r *refreshing) putBack() string {
	return "put it back as it was, or start a new run: lethe refresh " + r.env.Name
}

// stillNamed refuses what a new run would: names under revive and tolerate that the source does not have.
func stillNamed(order *work.Order, env config.Environment) finding.List {
	facts := preflight.Facts{Catalog: order.Catalog}
	for _, t := range env.Tolerate {
		facts.Tolerate = append(facts.Tolerate, preflight.Named{Name: t.Name, Place: t.Place})
	}
	found := append(preflight.Judge(facts), preflight.Wiring(order.Wiring, revivals(env))...)
	return slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Severity != finding.Error })
}

// undoable names what has had its effect on what was built, and is not as it was then. It notes what of after: is
// not run again.
func (r *refreshing) undoable(p pg.Progress, before frozen) (finding.List, error) {
	var found finding.List
	now := freeze(r.env)
	if p.Mapped {
		found = append(found, r.changed(before.Mappings, now.Mappings)...)
	}
	if len(p.Once) > 0 { // what comes after the environment's own rows has met those there were
		found = append(found, r.changed(before.Retain, now.Retain)...)
	}
	r.ran = map[int]bool{}
	for _, name := range p.Once {
		var i int
		if _, err := fmt.Sscanf(name, afterForm, &i); err != nil {
			return nil, fmt.Errorf("read what run %s had done: a step of it is not known", r.passage.run)
		}
		r.ran[i] = true
		if i >= len(r.env.After) {
			found = append(found, finding.Finding{Code: "after-changed", Place: r.env.Place, Object: fmt.Sprintf("entry %d of after:", i+1),
				Message: "it was run before the run failed, and is not there any more", Fix: r.putBack()})
			continue
		}
		after := r.env.After[i]
		digest, err := r.afterDigest(after)
		if err != nil {
			return nil, err
		}
		if name != afterName(i, digest) {
			found = append(found, finding.Finding{Code: "after-changed", Place: after.Place, Object: afterObject(after),
				Message: fmt.Sprintf("entry %d of after: was run before the run failed, and is another now: it would not be run again", i+1),
				Fix:     "put it back as it was and write what is new into an entry behind it, or start a new run: lethe refresh " + r.env.Name})
		}
	}
	return found, nil
}

// afterForm names an entry of after: among what was done, by its place; a digest follows.
const afterForm = "after %d"

func afterName(i int, digest string) string { return fmt.Sprintf(afterForm+" %s", i, digest) }

// afterObject is what a person calls an entry of after:; arguments may be secret.
func afterObject(after config.After) string {
	if after.SQL != "" {
		return filepath.Base(after.SQL)
	}
	return filepath.Base(after.Command.Argv[0])
}

// afterDigest is a digest of what an entry of after: runs, as it stands now.
func (r *refreshing) afterDigest(after config.After) (string, error) {
	if after.SQL == "" {
		return r.commandDigest(after.Command)
	}
	text, err := os.ReadFile(after.SQL)
	if err != nil {
		return "", fmt.Errorf("read statements: %w", err)
	}
	return sqlDigest(text), nil
}

func sqlDigest(text []byte) string { return digestOf("sql", string(text)) }

// commandDigest is a digest of a program, its arguments and its variables' names: and of its file where it is named by
// a path, as users' own are. One that is looked for in PATH belongs to the machine.
func (r *refreshing) commandDigest(c config.Command) (string, error) {
	var file string
	if strings.ContainsRune(c.Argv[0], filepath.Separator) {
		var err error
		if file, err = fileDigest(c.Argv[0]); err != nil {
			return "", fmt.Errorf("read program: %w", err)
		}
	}
	return digestOf("command", c.Argv, c.Env, file), nil
}

// fileDigest is a digest of what a file holds; of its size and time where it may be run and not be read.
func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		return digestOf(info.Size(), info.ModTime().UnixNano()), nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
