package preflight

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

func name(table string) catalog.Name { return catalog.Name{Schema: "public", Name: table} }

// ready is a pair of servers that nothing is wrong with.
func ready() Facts {
	return Facts{
		Catalog: &catalog.Catalog{
			Database: "app", Server: catalog.Server{Version: 150018, Encoding: "UTF8", Provider: "libc", Collate: "C.UTF-8"},
			Tables: []catalog.Table{
				{Name: name("a"), Kind: catalog.Ordinary, AccessMethod: "heap", Persistence: catalog.Permanent},
				{Name: name("f"), Kind: catalog.Foreign},
				{Name: name("u"), Kind: catalog.Ordinary, AccessMethod: "heap", Persistence: catalog.Unlogged},
				{Name: name("c"), Kind: catalog.Ordinary, AccessMethod: "columnar"},
				{Name: name("p"), Kind: catalog.Partitioned},
			},
			Extensions: []catalog.Extension{{Name: "plpgsql", Version: "1.0"}, {Name: "citext", Version: "1.6"}},
		},
		Read: []catalog.Name{name("a"), name("p")},
		Source: &Source{
			Endpoint: Endpoint{Name: "source production", Role: "reader", Version: 150018, Free: 10, Wanted: 10},
			Owners:   []string{"app"}, Grantees: []string{"report"}, Tablespaces: []string{"fast"}, Untrusted: nil,
			LockSlots: 6400, LocksHeld: 100, LocksWanted: 300, StreamingDelay: 30 * time.Second,
		},
		Target: &Target{
			Endpoint: Endpoint{Name: "target staging", Role: "builder", Version: 170002, Free: 10, Wanted: 8},
			Database: "staging", Exists: true, CreateDB: true, Owner: true, OwnerName: "app", Placed: true, Signal: true,
			Roles: []string{"app", "report"}, Member: []string{"app"}, Extensions: []Extension{{Name: "citext", Default: "1.6", Allowed: true}},
			Tablespaces: []string{"fast"}, Locale: true,
		},
		Tools: &Tools{PgDump: 15, PgRestore: 15},
	}
}

func TestNothingIsSaidOfServersThatAreReady(t *testing.T) {
	if found := Judge(ready()); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if found := Judge(Facts{}); len(found) > 0 {
		t.Errorf("found %v in no facts", found)
	}
}

// flaw is one thing that is wrong, and the finding it must give.
type flaw struct {
	code     string
	object   string
	severity finding.Severity
	spoil    func(f *Facts)
}

func flaws() []flaw {
	const refused, warned = finding.Error, finding.Warning
	return []flaw{
		{"unsupported-version", "source production", refused, func(f *Facts) { f.Source.Version, f.Tools = 130010, nil }},
		{"unsupported-version", "target staging", refused, func(f *Facts) { f.Target.Version = 190000 }},
		{"pooler", "source production", refused, func(f *Facts) { f.Source.Pooled = true }},
		{"scattered", "target staging", refused, func(f *Facts) { f.Target.Scattered = true }},
		{"connections", "source production", refused, func(f *Facts) { f.Source.Free = 9 }},
		{"connections", "target staging", refused, func(f *Facts) { f.Target.Free = -3 }},
		{"no-usage", `"odd schema"`, refused, func(f *Facts) { f.Source.NoUsage = []string{"odd schema"} }},
		{"no-select", "public.a", refused, func(f *Facts) { f.Source.NoSelect = []catalog.Name{name("a")} }},
		{"no-select", "public.s", refused, func(f *Facts) { f.Source.NoSequence = []catalog.Name{name("s")} }},
		{"row-security", "public.a", refused, func(f *Facts) { f.Source.Hidden = []catalog.Name{name("a")} }},
		{"outward-view", "public.m", refused, func(f *Facts) { f.Source.Outward = []catalog.Name{name("m")} }},
		{"reserved-schema", "lethe.orders", refused, func(f *Facts) { f.Source.Foreign = []catalog.Name{{Schema: "lethe", Name: "orders"}} }},
		{"lock-table", "source production", refused, func(f *Facts) { f.Source.LocksWanted = 5041 }},
		{"standby-conflict", "source production", warned, func(f *Facts) { f.Source.Standby = true }},
		{"no-statistics", "source production", refused, func(f *Facts) { f.Source.Watched = []string{"replication_lag"} }},
		{"foreign-table", "public.f", refused, func(f *Facts) { f.Read = append(f.Read, name("f")) }},
		{"storage-engine", "public.c", refused, func(f *Facts) { f.Read = append(f.Read, name("c")) }},
		{"unlogged-table", "public.u", refused, func(f *Facts) { f.Read, f.Catalog.Server.Standby = append(f.Read, name("u")), true }},
		{"no-room", "target staging", refused, func(f *Facts) {
			f.Target.RoomKnown, f.Target.Room = true, 1<<30
			f.Catalog.Tables[0].Size.Bytes = 3 << 30
		}},
		{"standby", "target staging", refused, func(f *Facts) { f.Target.Standby = true }},
		{"no-database", "staging", refused, func(f *Facts) { f.Target.Exists = false }},
		{"no-createdb", "target staging", refused, func(f *Facts) { f.Target.CreateDB = false }},
		{"not-owner", "staging", refused, func(f *Facts) { f.Target.Owner = false }},
		{"no-create-in-tablespace", "staging", refused, func(f *Facts) { f.Target.Placed = false }},
		{"template", "staging", refused, func(f *Facts) { f.Target.Template = true }},
		{"prepared-transaction", "staging", refused, func(f *Facts) { f.Target.Prepared = 2 }},
		{"logical-slot", "s1", refused, func(f *Facts) { f.Target.LogicalSlots = []string{"s1"} }},
		{"subscription", "sub", refused, func(f *Facts) { f.Target.Subscriptions = []string{"sub"} }},
		{"session", "session 7 of role app", refused, func(f *Facts) { f.Target.Signal, f.Target.Stuck = false, []Session{{PID: 7, Role: "app"}} }},
		{"session", "session 8 of role root", warned, func(f *Facts) { f.Target.Stuck = []Session{{PID: 8, Role: "root", Superuser: true}} }},
		{"no-signal", "target staging", warned, func(f *Facts) { f.Target.Signal = false }},
		{"older-target", "target staging", refused, func(f *Facts) { f.Target.Version, f.Tools = 140000, nil }},
		{"locale", "target staging", refused, func(f *Facts) { f.Target.Locale = false }},
		{"missing-role", "report", refused, func(f *Facts) { f.Target.Roles = []string{"app"} }},
		{"missing-role", "app", refused, func(f *Facts) { f.Target.Roles = []string{"report"} }},
		{"not-member", "app", refused, func(f *Facts) { f.Target.Member = nil }},
		{"missing-extension", "citext", refused, func(f *Facts) { f.Target.Extensions = nil }},
		{"untrusted-extension", "citext", refused, func(f *Facts) { f.Target.Extensions[0].Allowed = false }},
		{"extension-version", "citext", warned, func(f *Facts) { f.Target.Extensions[0].Default = "1.7" }},
		{"missing-tablespace", "fast", warned, func(f *Facts) { f.Target.Tablespaces = nil }},
		{"needs-superuser", "function f()", refused, func(f *Facts) { f.Source.Untrusted = []string{"function f()"} }},
		{"tools", "pg_dump", refused, func(f *Facts) { f.Tools = &Tools{} }},
		{"tools", "pg_dump", refused, func(f *Facts) { f.Tools = &Tools{PgDump: 14, PgRestore: 14} }},
		{"tools", "pg_dump", refused, func(f *Facts) { f.Tools = &Tools{PgDump: 18, PgRestore: 18} }},
		{"tools", "pg_dump", refused, func(f *Facts) { f.Tools = &Tools{PgDump: 16, PgRestore: 15} }},
	}
}

func TestEachFlawGivesItsFindingAndNoOther(t *testing.T) {
	for _, c := range flaws() {
		f := ready()
		c.spoil(&f)
		found := Judge(f)
		if len(found) != 1 || found[0].Code != c.code || found[0].Object != c.object || found[0].Severity != c.severity {
			t.Errorf("%s %s: found %v", c.code, c.object, found)
			continue
		}
		if found[0].Message == "" || found[0].Fix == "" {
			t.Errorf("%s has no message or no remedy", c.code)
		}
	}
}

func TestASuperuserMayWhatOthersMayNot(t *testing.T) {
	f := ready()
	f.Target.Superuser, f.Target.Member, f.Target.Extensions[0].Allowed = true, nil, false
	f.Source.Untrusted = []string{"function f()"}
	if found := Judge(f); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestSlotsNeedNoRightToMakeDatabases(t *testing.T) {
	f := ready()
	f.Target.Slots, f.Target.CreateDB, f.Target.Template, f.Target.LogicalSlots = true, false, true, []string{"s"}
	if found := Judge(f); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestAStandbyThatWaitsForReadersIsFine(t *testing.T) {
	for _, patient := range []func(s *Source){func(s *Source) { s.Feedback = true }, func(s *Source) { s.StreamingDelay = -1 * time.Millisecond }} {
		f := ready()
		f.Source.Standby = true
		patient(f.Source)
		if found := Judge(f); len(found) > 0 {
			t.Errorf("found %v", found)
		}
	}
}

// TestAllThatIsMissingComesAtOnce holds that one flaw never hides another: a person mends everything in
// one go. Only a database that is not there hides what else it might be.
func TestAllThatIsMissingComesAtOnce(t *testing.T) {
	all := slices.DeleteFunc(flaws(), func(c flaw) bool {
		return slices.Contains([]string{"no-database", "unsupported-version", "older-target", "tools", "missing-extension", "missing-role", "no-signal", "session"}, c.code)
	})
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 1, len(all), rapid.ID[int]).Draw(t, "flaws")
		f := ready()
		for _, i := range chosen {
			all[i].spoil(&f)
		}
		found := Judge(f)
		for _, i := range chosen {
			if !slices.ContainsFunc(found, func(got finding.Finding) bool { return got.Code == all[i].code && got.Object == all[i].object }) &&
				all[i].code != "standby-conflict" && all[i].code != "extension-version" {
				t.Errorf("%s %s is hidden: %v", all[i].code, all[i].object, found)
			}
		}
		again := Judge(f)
		if !slices.Equal(found, again) {
			t.Error("the same facts were judged otherwise")
		}
		sorted := slices.Clone(found)
		sorted.Sort()
		if !slices.Equal(found, sorted) {
			t.Error("not sorted")
		}
	})
}

// TestRoomThatIsOnlyShortOfBloatIsAWarning holds that what updates left behind in production does not refuse.
func TestRoomThatIsOnlyShortOfBloatIsAWarning(t *testing.T) {
	for room, want := range map[int64]string{1_499: "no-room", 1_500: "little-room", 2_999: "little-room", 3_000: ""} {
		f := ready()
		f.Catalog.Tables[0].Size.Bytes, f.Catalog.Tables[0].Size.IndexBytes = 2_000_000, 1_000_000
		f.Target.RoomKnown, f.Target.Room = true, room*1000
		got := ""
		for _, found := range Judge(f) {
			got += found.Code
		}
		if got != want {
			t.Errorf("%d kB free: %q, want %q", room, got, want)
		}
	}
}
