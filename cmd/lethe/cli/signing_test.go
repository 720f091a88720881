package cli

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/state"
)

// TestACertificateSignsTheLedger holds that a published database vouches for the ledger up to its own run:
// a ledger that is cut short later is found out.
func TestACertificateSignsTheLedger(t *testing.T) {
	t.Parallel()
	s := newStage(t, peopleRules, fill(people)).adopted()
	s.ok("refresh", "staging")
	shown := document[keyDocument](s, "key", "show")
	key, err := ledger.ParsePublicKey(shown.Signing)
	if err != nil {
		t.Fatal(err)
	}
	var v verdicts
	env := document[environmentDocument](s, "env", "show", "staging")
	if err := json.Unmarshal(env.Status.Certificate.Verdicts, &v); err != nil {
		t.Fatal(err)
	}
	if v.Ledger == nil || ledger.VerifyHead(*v.Ledger, key) != nil {
		t.Fatalf("the certificate does not sign the ledger's head: %+v", v)
	}
	store, err := state.Open(t.Context(), filepath.Join(s.dir, "lethe.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	found, err := filepath.Glob(filepath.Join(s.dir, "*ledger*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no ledger was written: %v", err)
	}
	verdict, err := ledger.Open(found[0], store, s.now).Verify(t.Context(), v.Ledger.Head)
	if err != nil || !verdict.Intact() || verdict.Anchored < v.Ledger.Seq {
		t.Errorf("got %+v, %v: want an intact ledger anchored at %d or later", verdict, err, v.Ledger.Seq)
	}
}
