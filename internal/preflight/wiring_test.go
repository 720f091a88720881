package preflight

import (
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
)

func TestWhatIsRevivedIsNamedExactly(t *testing.T) {
	wires := []catalog.Wire{
		{Kind: catalog.WirePublication, Name: "prices"}, {Kind: catalog.WireSubscription, Name: "feed"}, {Kind: catalog.WireServer, Name: "far", Alive: "CREATE SERVER far", Unmade: "nothing is known of it"}, {Kind: catalog.WireServer, Name: "theirs"},
		{Kind: catalog.WireFunction, Name: "public.push(integer)"}, {Kind: catalog.WireTrigger, Name: "public.item.tell", Needs: "function:public.push(integer)"},
		{Kind: catalog.WireJob, Name: "pg_cron:nightly"}, {Kind: catalog.WireJob, Name: "pg_partman:public.log"},
	}
	for _, c := range []struct{ revive, object, words string }{
		{"publication:price", "publication:price", "known: publication:prices"},
		{"server:prices", "server:prices", "did you mean publication:prices?"},
		{"function:push(integer)", "function:push(integer)", "did you mean function:public.push(integer)?"},
		{"function:public.push()", "function:public.push()", "did you mean function:public.push(integer)?"},
		{"job:none", "job:none", "known: job:pg_cron:nightly"},
		{"event_trigger:x", "event_trigger:x", "remove it"},
		{"server:theirs", "server:theirs", "cannot be replaced"},
		{"subscription:feed", "subscription:feed", "cannot be revived"},
		{"job:pg_cron:nightly", "job:pg_cron:nightly", "cannot be revived"},
		{"trigger:public.item.tell", "trigger:public.item.tell", "name function:public.push(integer) too"},
	} {
		place := finding.Place{File: "lethe.yaml", Line: 7}
		found := Wiring(wires, []Named{{Name: "server:far"}, {Name: c.revive, Place: place}})
		if found.Count(finding.Error) != 1 || found[0].Object != c.object || found[0].Place != place || !strings.Contains(found[0].String(), c.words) {
			t.Errorf("revive %s: %v, want %s", c.revive, found[0], c.words)
		}
	}
	if found := Wiring(wires, nil); found.Count(finding.Error) != 1 || found[0].Object != "server:far" || found.Count(finding.Warning) != len(wires)-1 {
		t.Errorf("nothing revived: %v", found)
	}
	if found := Wiring(wires, []Named{{Name: "server:far"}, {Name: "publication:prices"}, {Name: "job:pg_partman:public.log"}}); found.HasErrors() || len(found) != 5 {
		t.Errorf("three revived: %v", found)
	}
}

func TestExtensionsThatKeepRowsElsewhereAreRefusedUnlessTheyAreLeftOut(t *testing.T) {
	for _, name := range []string{"timescaledb", "citus", "pg_cron"} {
		facts := Facts{Source: &Source{Endpoint: Endpoint{Version: 150000}}, Catalog: &catalog.Catalog{Extensions: []catalog.Extension{{Name: name}}}}
		if found := Judge(facts); !found.HasErrors() || found[0].Object != name || !strings.Contains(found[0].Fix, "without: {extensions: ["+name+"]}") {
			t.Errorf("%s: %v", name, found)
		}
		facts.Without = []string{name}
		if found := Judge(facts); found.HasErrors() {
			t.Errorf("without %s: %v", name, found)
		}
	}
}

func TestWhatIsToleratedExists(t *testing.T) {
	c := &catalog.Catalog{Tables: []catalog.Table{{Name: catalog.Name{Schema: "public", Name: "t"},
		Indexes: []catalog.Index{{Name: "t_key", Unique: true}, {Name: "plain"}}, Checks: []catalog.Check{{Name: "positive"}}, ForeignKeys: []catalog.ForeignKey{{Name: "parent"}}}}}
	for name, fix := range map[string]string{
		"public.t_key": "", "public.t.t_key": "", "public.t.positive": "", "public.t.parent": "",
		"public.plain": "name a unique index", "positive": "did you mean public.t.positive?", "other.t_key": "did you mean public.t_key?",
	} {
		found := Judge(Facts{Catalog: c, Tolerate: []Named{{Name: name}}})
		if fix == "" && len(found) > 0 || fix != "" && (len(found) != 1 || !strings.Contains(found[0].Fix, fix)) {
			t.Errorf("%s: %v, want %s", name, found, fix)
		}
	}
}
