package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

const minimal = `version: 1
sources:
  production: {dsn: {env: PRODUCTION_DSN}}
environments:
  staging:
    from: production
    target: {dsn: {env: STAGING_DSN}}
`

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update when the change is meant\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func show(found finding.List) string {
	var b strings.Builder
	for _, f := range found {
		b.WriteString(f.Code + " " + f.String() + "\n")
	}
	return b.String()
}

func TestMinimalFileGetsEveryDefault(t *testing.T) {
	got, found := Parse("conf/lethe.yaml", []byte(minimal))
	if len(found) > 0 {
		t.Fatal(show(found))
	}
	at := func(line, column int) finding.Place {
		return finding.Place{File: "conf/lethe.yaml", Line: line, Column: column}
	}
	want := &Config{
		File: "conf/lethe.yaml", State: "conf/lethe.db", Rules: "conf/rules.yaml",
		Sources: map[string]Source{"production": {
			Name: "production", Place: at(3, 3), DSN: secret.Ref{Env: "PRODUCTION_DSN"}, Connections: 8, YieldAfter: 3 * time.Second, MaxSnapshotAge: 4 * time.Hour,
		}},
		Environments: map[string]Environment{"staging": {
			Name: "staging", Place: at(5, 3), Kind: Staging, From: "production",
			Target:       Target{Place: at(7, 5), DSN: secret.Ref{Env: "STAGING_DSN"}, Maintenance: "postgres"},
			Undecided:    Refuse,
			Publish:      Publish{Sessions: Sessions{Mode: Drain, Wait: 30 * time.Second}},
			KeepPrevious: KeepPrevious{Count: 1, For: 24 * time.Hour},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryBuiltKeyReachesItsField(t *testing.T) {
	text := `version: 1
keys:
  masking: {command: [./bin/key, --raw]}
  signing: {file: signing.key}
  trusted: [keys/a.pub, /etc/lethe/b.pub]
state: /var/lib/lethe.db
rules: r/rules.yaml
sources:
  shop:
    dsn: {command: [vault, read, dsn]}
    connections: 5
    rate: 2.5
    yield_after: 500ms
    max_snapshot_age: 1d
    stop_when: {replication_lag: 30s, active_sessions: 200, lasts: 90s}
environments:
  copy:
    kind: production_copy
    from: shop
    target: {dsn: {file: copy.dsn}, maintenance: admin}
    slots: {databases: [a, b], pointer: {command: [bin/turn, copy]}}
    undecided: blank
    publish: {sessions: drain  1m30s}
    keep_previous: {count: 0, for: 7d}
    roles: {map: {app: app_copy, 'Mr X': app_copy}, drop: [analysts]}
    without: {extensions: [pg_cron]}
    revive: ["publication:p", {name: "user_mapping:u@s", options: {user: x}, secrets: {password: {env: PW}}}]
    post_data: {search_path: [public, app]}
    tolerate: [public.t_key]
`
	got, found := Parse("/etc/lethe/lethe.yaml", []byte(text))
	if len(found) > 0 {
		t.Fatal(show(found))
	}
	wantKeys := Keys{
		Place:   finding.Place{File: "/etc/lethe/lethe.yaml", Line: 2, Column: 1},
		Masking: secret.Ref{Command: []string{"/etc/lethe/bin/key", "--raw"}},
		Signing: secret.Ref{File: "/etc/lethe/signing.key"},
		Trusted: []string{"/etc/lethe/keys/a.pub", "/etc/lethe/b.pub"},
	}
	if !reflect.DeepEqual(got.Keys, wantKeys) {
		t.Errorf("keys: got %+v, want %+v", got.Keys, wantKeys)
	}
	if got.State != "/var/lib/lethe.db" || got.Rules != "/etc/lethe/r/rules.yaml" {
		t.Errorf("state %s, rules %s", got.State, got.Rules)
	}
	shop := got.Sources["shop"]
	wantShop := Source{
		Name: "shop", Place: shop.Place, DSN: secret.Ref{Command: []string{"vault", "read", "dsn"}}, Connections: 5, Rate: 2_500_000,
		YieldAfter: 500 * time.Millisecond, MaxSnapshotAge: 24 * time.Hour,
		StopWhen: StopWhen{Place: shop.StopWhen.Place, ReplicationLag: 30 * time.Second, ActiveSessions: 200, Lasts: 90 * time.Second},
	}
	if !reflect.DeepEqual(shop, wantShop) || shop.StopWhen.Place.Line == 0 {
		t.Errorf("source: got %+v, want %+v", shop, wantShop)
	}
	e := got.Environments["copy"]
	wantSlots := &Slots{
		Place: finding.Place{File: "/etc/lethe/lethe.yaml", Line: 21, Column: 5}, Databases: [2]string{"a", "b"},
		Pointer: Pointer{Command: []string{"/etc/lethe/bin/turn", "copy"}},
	}
	if !reflect.DeepEqual(e.Slots, wantSlots) {
		t.Errorf("slots: got %+v, want %+v", e.Slots, wantSlots)
	}
	e.Slots, e.Place, e.Target.Place = nil, finding.Place{}, finding.Place{}
	want := Environment{
		Name: "copy", Kind: ProductionCopy, From: "shop", Undecided: Blank,
		Target:       Target{DSN: secret.Ref{File: "/etc/lethe/copy.dsn"}, Maintenance: "admin"},
		Publish:      Publish{Sessions: Sessions{Mode: Drain, Wait: 90 * time.Second}},
		KeepPrevious: KeepPrevious{Count: 0, For: 7 * 24 * time.Hour},
		Roles:        Roles{Map: map[string]string{"app": "app_copy", "Mr X": "app_copy"}, Drop: []string{"analysts"}},
		Without:      Without{Extensions: []string{"pg_cron"}},
		Revive: []Revival{
			{Place: finding.Place{File: "/etc/lethe/lethe.yaml", Line: 27, Column: 14}, Name: "publication:p"},
			{Place: finding.Place{File: "/etc/lethe/lethe.yaml", Line: 27, Column: 31}, Name: "user_mapping:u@s", Options: map[string]string{"user": "x"}, Secrets: map[string]secret.Ref{"password": {Env: "PW"}}},
		},
		PostData: PostData{SearchPath: []string{"public", "app"}},
		Tolerate: []Named{{Place: finding.Place{File: "/etc/lethe/lethe.yaml", Line: 29, Column: 16}, Name: "public.t_key"}},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("environment: got %+v, want %+v", e, want)
	}
}

func TestLedgerLiesBesideTheStateFile(t *testing.T) {
	for state, want := range map[string]string{
		"/var/lib/lethe.db": "/var/lib/lethe.ledger.jsonl", "state": "state.ledger.jsonl", "a.b/state": "a.b/state.ledger.jsonl",
	} {
		if got := (&Config{State: state}).Ledger(); got != want {
			t.Errorf("%s: got %s, want %s", state, got, want)
		}
	}
}

func TestEphemeralKeyNeedsNoPlace(t *testing.T) {
	got, found := Parse("lethe.yaml", []byte("version: 1\nkeys: {masking: ephemeral}\n"))
	if len(found) > 0 || !got.Keys.Ephemeral || !got.Keys.Masking.IsZero() {
		t.Errorf("got %+v, found %v", got, found)
	}
}

func TestProgramInTheFilesOwnDirectoryIsNotSoughtInPath(t *testing.T) {
	got, found := Parse("lethe.yaml", []byte("version: 1\nkeys: {masking: {command: [./key]}}\n"))
	if len(found) > 0 {
		t.Fatal(show(found))
	}
	if want := "./key"; got.Keys.Masking.Command[0] != want {
		t.Errorf("got %s, want %s", got.Keys.Masking.Command[0], want)
	}
}

// Each file of testdata/findings holds a configuration; its .golden holds every finding about it.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range append(files, "../../testdata/config/full.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			config, found := Parse(filepath.Base(file), text)
			if (config == nil) != found.HasErrors() {
				t.Errorf("config is nil: %v, errors: %v", config == nil, found.HasErrors())
			}
			golden(t, "testdata/findings/"+strings.TrimSuffix(filepath.Base(file), ".yaml")+".golden", show(found))
		})
	}
}

func TestFullFileIsRefusedByNotYetAlone(t *testing.T) {
	_, found := Load("../../testdata/config/full.yaml")
	if len(found) == 0 {
		t.Fatal("nothing found")
	}
	for _, f := range found {
		if f.Code != "not-yet" || f.Severity != finding.Error || f.Place.Line == 0 {
			t.Errorf("%s %s", f.Code, f)
		}
	}
}

func TestFullFileUsesEveryKeyOfTheTable(t *testing.T) {
	text, err := os.ReadFile("../../testdata/config/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(s *shape, seen map[*shape]bool)
	walk = func(s *shape, seen map[*shape]bool) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for _, f := range s.fields {
			// The kinds of backup beside the one in the file exclude each other.
			if f.reserved == "" && !strings.Contains(string(text), f.name+":") && !slices.Contains([]string{"local", "standby", "snapshots"}, f.name) {
				t.Errorf("%s: is not in the file", f.name)
			}
			walk(f.shape, seen)
		}
		walk(s.of, seen)
		for _, c := range s.choices {
			walk(c, seen)
		}
	}
	walk(file(), map[*shape]bool{})
}

func TestMissingFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	config, found := Load(path)
	if config != nil || len(found) != 1 || found[0].Code != "missing-file" || found[0].Place.File != path || found[0].Fix == "" {
		t.Errorf("got %v, %v", config, found)
	}
}

func TestDirectoryIsNoConfiguration(t *testing.T) {
	if config, found := Load(t.TempDir()); config != nil || len(found) != 1 || found[0].Code != "unreadable-file" {
		t.Errorf("got %v, %v", config, found)
	}
}

func TestFindingsNeverShowValues(t *testing.T) {
	const canary = "postgres://app:hunter2@db/prod"
	for _, text := range []string{
		"version: 1\nsources: {a: {dsn: " + canary + "}}\n",
		"version: 1\nsources: {a: {dsn: {env: '" + canary + "'}}}\n",
		"version: 1\nsources: {a: {dsn: {'" + canary + "': x}}}\n",
		"version: 1\nsources: {'" + canary + "': {dsn: {env: A}}}\n",
		"version: '" + canary + "'\n",
		"version: 1\nkeys: {masking: '" + canary + "'}\n",
		"version: 1\n'" + canary + "': 1\n'" + canary + "': 2\n",
		"version: 1\nstate: \"" + canary + "\\q\"\n",
		"version: 1\nstate: [" + canary + "\n",
		"version: 1\nenvironments: {dev: {from: '" + canary + "', target: {dsn: {env: A}}}}\n",
		"version: 1\nenvironments: {dev: {undecided: '" + canary + "', target: {dsn: {env: A}}}}\n",
		"version: 1\nkeys: &" + canary + " {masking: ephemeral}\n",
		canary,
	} {
		config, found := Parse("lethe.yaml", []byte(text))
		if config != nil || len(found) == 0 {
			t.Errorf("%q was accepted", text)
		}
		if s := show(found); strings.Contains(s, "hunter2") {
			t.Errorf("%q: %s", text, s)
		}
	}
}

func TestDeepFilesAreRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"flow":  strings.Repeat("[", 200_000),
		"maps":  strings.Repeat("{a: ", 50_000),
		"block": strings.Repeat("- ", 100_000),
		"size":  strings.Repeat("# long\n", 100_000),
	} {
		if _, found := Parse("lethe.yaml", []byte(text)); len(found) != 1 || found[0].Code != "broken-yaml" {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "24h": 24 * time.Hour, "7d": 168 * time.Hour, "1h30m": 90 * time.Minute,
		"2w": 336 * time.Hour, "1y": 8760 * time.Hour, "250ms": 250 * time.Millisecond, "1m": time.Minute, "0s": 0,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "s", "-1s", "1.5h", "1 h", "1x", "1h ", "293y", "999999999y", "99999999999999999999s", "292y292y"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestNearestFindsTypingErrorsOnly(t *testing.T) {
	known := []string{"sources", "state", "rules", "environments"}
	for name, want := range map[string]string{
		"source": "sources", "soruces": "sources", "State": "state", "environmnts": "environments",
		"elephants": "", "x": "", "": "", strings.Repeat("a", 1000): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
