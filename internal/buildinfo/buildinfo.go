// Package buildinfo says which build is running.
package buildinfo

import (
	"runtime/debug"
	"strings"
)

// version is set by the linker on releases: -ldflags "-X .../internal/buildinfo.version=1.2.3". The linker
// can set nothing but a variable; the program never does.
var version string

// Version returns the version of this build, for messages and records: never empty.
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return Resolve(version, info)
}

// Resolve decides what a build is called. A stamp wins, without the "v" of tags; next comes the version
// of the module when it was installed as one; then the commit it was built from, as "devel-" and its
// first twelve digits with "-dirty" after it when the tree was changed; else "devel". info may be nil.
func Resolve(stamp string, info *debug.BuildInfo) string {
	if stamp = strings.TrimPrefix(strings.TrimSpace(stamp), "v"); stamp != "" {
		return stamp
	}
	if info == nil {
		return "devel"
	}
	if v := info.Main.Version; isRelease(v) {
		return strings.TrimPrefix(v, "v")
	}
	revision, dirty := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if revision == "" {
		return "devel"
	}
	name := "devel-" + revision[:min(len(revision), 12)]
	if dirty {
		name += "-dirty"
	}
	return name
}

// isRelease tells a tag from what the go command makes up for a working tree: "(devel)", or a version
// of zeros with a time and a commit in it, marked +dirty when the tree was changed.
func isRelease(tag string) bool {
	return tag != "" && tag != "(devel)" &&
		!strings.Contains(tag, "+dirty") && strings.Count(tag, "-") < 2
}
