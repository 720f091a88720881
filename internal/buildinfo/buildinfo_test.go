package buildinfo

import (
	"runtime/debug"
	"testing"
)

func TestResolve(t *testing.T) {
	build := func(version string, settings ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return info
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for name, c := range map[string]struct {
		stamp string
		info  *debug.BuildInfo
		want  string
	}{
		"stamp wins":              {"v1.4.0", build("v1.3.0", "vcs.revision", commit), "1.4.0"},
		"stamp without v":         {"1.4.0-rc1", nil, "1.4.0-rc1"},
		"blank stamp is none":     {" \n", nil, "devel"},
		"nothing known":           {"", nil, "devel"},
		"installed module":        {"", build("v2.0.1"), "2.0.1"},
		"candidate is a release":  {"", build("v2.0.1-rc1"), "2.0.1-rc1"},
		"working tree":            {"", build("(devel)", "vcs.revision", commit, "vcs.modified", "false"), "devel-0123456789ab"},
		"changed tree":            {"", build("(devel)", "vcs.modified", "true", "vcs.revision", commit), "devel-0123456789ab-dirty"},
		"pseudo-version":          {"", build("v0.0.0-20261120174100-0123456789ab", "vcs.revision", commit), "devel-0123456789ab"},
		"changed pseudo-version":  {"", build("v1.0.1+dirty", "vcs.revision", commit, "vcs.modified", "true"), "devel-0123456789ab-dirty"},
		"no version control":      {"", build("(devel)"), "devel"},
		"short revision survives": {"", build("", "vcs.revision", "abc"), "devel-abc"},
	} {
		if got := Resolve(c.stamp, c.info); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestVersionIsNeverEmpty(t *testing.T) {
	if Version() == "" {
		t.Error("empty")
	}
}
