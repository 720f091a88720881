package ledger

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// chain returns the bytes of a ledger with a record for each name, and its heads.
func chain(records []Record) (raw []byte, heads []Head) {
	var head Head
	for i, r := range records {
		e := next(head, noon().Add(time.Duration(i)*time.Second), r)
		head = e.Head()
		heads = append(heads, head)
		raw = append(append(raw, e.canonical()...), '\n')
	}
	return raw, heads
}

func records(t *rapid.T) []Record {
	text := rapid.OneOf(rapid.StringN(0, 12, -1), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"<&>", "\u2028", "\x00\x1f\x7f", "\xff\xfe", `"\`, ""}))
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Record {
		return Record{
			Action: text.Draw(t, "action"), Run: text.Draw(t, "run"), Target: text.Draw(t, "target"), User: text.Draw(t, "user"),
			Digests: Digests{Plan: text.Draw(t, "plan")},
			Facts:   rapid.MapOfN(text, text, 0, 3).Draw(t, "facts"),
		}
	}), 1, 6).Draw(t, "records")
}

func verdictOf(t interface{ Fatal(...any) }, raw []byte, known ...Head) Verdict {
	v, err := Verify(bytes.NewReader(raw), known...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryChainThatWasWrittenHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, heads := chain(records(t))
		v := verdictOf(t, raw, heads...)
		if last := heads[len(heads)-1]; !v.Intact() || v.Head != last || v.Anchored != last.Seq {
			t.Fatalf("%+v", v)
		}
	})
}

func TestAnyChangedByteIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, _ := chain(records(t))
		at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		raw[at] ^= rapid.ByteRange(1, 255).Draw(t, "by")
		if v := verdictOf(t, raw); v.Intact() {
			t.Fatalf("byte %d was changed unseen", at)
		}
	})
}

func TestEveryByteOfOneEntryCounts(t *testing.T) {
	raw, _ := chain([]Record{{Action: "refresh", User: "anna", Facts: map[string]string{"a": "b"}}})
	for at := range raw {
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[at] ^= 1 << bit
			if verdictOf(t, changed).Intact() {
				t.Errorf("bit %d of byte %d was changed unseen", bit, at)
			}
		}
	}
}

func TestLinesCannotBeMovedUnseen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, heads := chain(records(t))
		lines := bytes.SplitAfter(raw, []byte("\n"))
		lines = lines[:len(lines)-1]
		i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
		j := rapid.IntRange(0, len(lines)-1).Draw(t, "other")
		var changed [][]byte
		switch what := rapid.SampledFrom([]string{"remove", "swap", "repeat", "insert"}).Draw(t, "what"); {
		case what == "remove" && i < len(lines)-1:
			changed = append(append(changed, lines[:i]...), lines[i+1:]...)
		case what == "swap" && i != j:
			changed = append(changed, lines...)
			changed[i], changed[j] = changed[j], changed[i]
		case what == "insert":
			changed = append(append(append(changed, lines[:i]...), []byte("\n")), lines[i:]...)
		default:
			changed = append(append(append(changed, lines[:i+1]...), lines[i]), lines[i+1:]...)
		}
		// Without any head that was kept elsewhere.
		if v := verdictOf(t, bytes.Join(changed, nil)); v.Intact() {
			t.Fatalf("lines were moved unseen: %+v, heads %v", v, heads)
		}
	})
}

func TestMissingEndIsFoundAgainstAKnownHead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, heads := chain(records(t))
		kept := rapid.IntRange(0, len(heads)-1).Draw(t, "kept")
		cut := raw
		for range len(heads) - kept {
			cut = cut[:bytes.LastIndexByte(cut[:len(cut)-1], '\n')+1]
		}
		if v := verdictOf(t, cut); !v.Intact() {
			t.Fatalf("nothing is wrong with what is left: %+v", v)
		}
		known := heads[rapid.IntRange(kept, len(heads)-1).Draw(t, "known")]
		v := verdictOf(t, cut, known)
		if v.Intact() || v.Broken.Seq != int64(kept+1) {
			t.Fatalf("%d of %d entries are left and nothing is missed: %+v", kept, len(heads), v)
		}
	})
}

func TestRewrittenChainIsFoundAgainstAKnownHead(t *testing.T) {
	_, heads := chain([]Record{{Action: "a"}, {Action: "b"}, {Action: "c"}})
	raw, _ := chain([]Record{{Action: "a"}, {Action: "forged"}, {Action: "c"}})
	if v := verdictOf(t, raw); !v.Intact() {
		t.Fatalf("%+v", v)
	}
	if v := verdictOf(t, raw, heads[0]); !v.Intact() || v.Anchored != 1 {
		t.Errorf("the first entry is the same: %+v", v)
	}
	for _, head := range heads[1:] {
		if v := verdictOf(t, raw, head); v.Intact() || v.Broken.Seq != head.Seq {
			t.Errorf("head %d: %+v", head.Seq, v)
		}
	}
}

func TestReadVisitsTheEntriesThatHold(t *testing.T) {
	raw, heads := chain([]Record{{Action: "a"}, {Action: "b"}, {Action: "c"}})
	raw = bytes.Replace(raw, []byte(`"action":"c"`), []byte(`"action":"d"`), 1)
	var seen []string
	v, err := Read(bytes.NewReader(raw), func(e Entry) error { seen = append(seen, e.Action); return nil })
	if err != nil || strings.Join(seen, "") != "ab" || v.Broken == nil || v.Broken.Seq != 3 || v.Head != heads[1] {
		t.Errorf("%v, %+v, %v", seen, v, err)
	}
	stop := errors.New("stop")
	if _, err := Read(bytes.NewReader(raw), func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := Verify(iotest.ErrReader(stop)); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestEntryFormatIsFrozen(t *testing.T) {
	raw, _ := chain([]Record{{
		Action: "adopt", Run: "r1", Environment: "staging", Source: "production", Target: "app", Outcome: "done", Code: "c",
		User: "anna", Host: "h", Version: "1", Digests: Digests{Rules: "r", Plan: "p", Catalog: "c", KeyID: "k"},
		Facts: map[string]string{"reason": "<it is ours>", "b": "2"},
	}, {Action: "refresh"}})
	const want = `{"seq":1,"time":"2026-11-20T11:00:00.123456Z","prev":"","action":"adopt","run":"r1","environment":"staging","source":"production","target":"app","outcome":"done","code":"c","user":"anna","host":"h","version":"1","digests":{"rules":"r","plan":"p","catalog":"c","key_id":"k"},"facts":{"b":"2","reason":"<it is ours>"},"hash":"57f937d383e85c5cc798706994c3ac90be6c6281ea5dcc5ae3bff176148e3a80"}
{"seq":2,"time":"2026-11-20T11:00:01.123456Z","prev":"57f937d383e85c5cc798706994c3ac90be6c6281ea5dcc5ae3bff176148e3a80","action":"refresh","hash":"f23d545bf790c5a47444923c4890e9704120486ca74c90d82d5f86f91f7dc7b4"}
`
	got := string(raw)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEndlessLineIsNoEntry(t *testing.T) {
	raw, _ := chain([]Record{{Action: "a"}})
	v, err := Verify(io.MultiReader(bytes.NewReader(raw), strings.NewReader(strings.Repeat("x", 10*longestEntry))))
	if err != nil || v.Broken == nil || v.Broken.Seq != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

func FuzzVerify(f *testing.F) {
	raw, _ := chain([]Record{{Action: "a", Facts: map[string]string{"b": "c"}}, {Action: "d"}})
	f.Add(raw)
	f.Add(raw[:len(raw)-5])
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var heads []Head
		v, err := Read(bytes.NewReader(raw), func(e Entry) error { heads = append(heads, e.Head()); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(heads)) != v.Head.Seq {
			t.Errorf("%d entries, head %d", len(heads), v.Head.Seq)
		}
		if v.Intact() && len(raw) > 0 && (len(heads) == 0 || raw[len(raw)-1] != '\n') {
			t.Errorf("%q is intact", raw)
		}
	})
}
