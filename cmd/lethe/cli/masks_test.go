package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
)

// TestThePageOfMasksIsWhatTheCodeSays holds MASKS.md; make masks writes it.
func TestThePageOfMasksIsWhatTheCodeSays(t *testing.T) {
	var out bytes.Buffer
	if status := Main(t.Context(), []string{"masks", "--markdown"}, World{Out: &out, Err: &out}); status != 0 {
		t.Fatal(out.String())
	}
	page, err := os.ReadFile("../../../MASKS.md")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(page) {
		t.Error("MASKS.md is not what lethe masks --markdown writes; run make masks")
	}
}

// TestEveryMaskIsInItsGroupWithAnExample holds that nothing is lost between the list and its groups.
func TestEveryMaskIsInItsGroupWithAnExample(t *testing.T) {
	var out bytes.Buffer
	if status := Main(t.Context(), []string{"masks", "--json"}, World{Out: &out, Err: &out}); status != 0 {
		t.Fatal(out.String())
	}
	var docs []maskDocument
	if err := json.Unmarshal(out.Bytes(), &docs); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if status := Main(t.Context(), []string{"masks"}, World{Out: &out, Err: &out, Width: 120}); status != 0 {
		t.Fatal(out.String())
	}
	for _, d := range docs {
		if !strings.Contains(out.String(), d.Name+" ") {
			t.Errorf("%s is not in the list", d.Name)
		}
		if d.Example.Output == "" && d.Determinism != string(anonymize.DataFree) {
			t.Errorf("%s has no example", d.Name)
		}
	}
}
