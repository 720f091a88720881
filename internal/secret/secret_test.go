package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

const canary = "c4n4ry-hunter2"

func TestMain(m *testing.M) {
	// The tests run this program as the command that prints a secret.
	if len(os.Args) > 1 && os.Args[1] == "as-command" {
		os.Exit(asCommand(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

func asCommand(what string) int {
	switch what {
	case "print":
		_, _ = io.WriteString(os.Stdout, canary+"\r\n")
	case "environment":
		_, _ = io.WriteString(os.Stdout, strings.Join(os.Environ(), " "))
	case "fail":
		_, _ = io.WriteString(os.Stderr, canary)
		_, _ = io.WriteString(os.Stdout, canary)
		return 7
	case "flood":
		for {
			if _, err := os.Stdout.Write(make([]byte, 4096)); err != nil {
				return 1
			}
		}
	case "hang":
		// A child that holds the pipe must die too.
		cmd := exec.Command("sleep", "3600")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1
		}
		_ = cmd.Wait()
	case "nothing":
	}
	return 0
}

func self(t *testing.T, what string) Ref {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Ref{Command: []string{exe, "as-command", what}}
}

type holder struct {
	Inner  String
	inner  String
	Nested map[string]any
}

func TestStringNeverPrints(t *testing.T) {
	s := New(canary)
	h := holder{Inner: s, inner: s, Nested: map[string]any{"dsn": s, "ptr": &s, "list": []String{s}}}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("hello", "secret", s, "pointer", &s, "holder", h, "any", slog.AnyValue(s))
	}
	printed := map[string]string{"slog": log.String(), "Sprint": fmt.Sprint(s, &s, h), "String": s.String()}
	for _, verb := range strings.Split("%v %+v %#v %s %q %x %X %d %t %T %p %c %U %e %08b %-20s %!", " ") {
		printed[verb] = fmt.Sprintf(verb, s) + fmt.Sprintf(verb, h) + fmt.Sprintf(verb, &h) + fmt.Sprintf(verb, []String{s})
	}
	printed["error"] = fmt.Errorf("connect %v: %w", s, io.EOF).Error()
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal} {
		raw, err := marshal(h)
		if err != nil {
			t.Fatal(name, err)
		}
		printed[name] = string(raw)
		raw, err = marshal(map[string]String{"k": s})
		if err != nil || !strings.Contains(string(raw), "[secret]") {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
	raw, err := xml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	printed["xml"] = string(raw)
	hexed := fmt.Sprintf("%x", canary)
	for name, text := range printed {
		if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), hexed) || strings.Contains(text, "hunter") {
			t.Errorf("%s: the secret printed: %s", name, text)
		}
	}
	if got := fmt.Sprintf("%v|%+v|%#v|%s|%q|%d", s, s, s, s, s, s); got != strings.Repeat("[secret]|", 5)+"[secret]" {
		t.Errorf("got %s", got)
	}
	if !s.Equal(New(canary)) || s.Equal(New(canary+"x")) || s.Equal(String{}) {
		t.Error("Equal is wrong")
	}
	if s.Reveal() != canary || s.IsEmpty() || !(String{}).IsEmpty() {
		t.Error("the secret is lost")
	}
}

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestResolveFetches(t *testing.T) {
	resolver := NewResolver(func(name string) string {
		if name == "DSN" {
			return canary
		}
		return ""
	})
	for name, ref := range map[string]Ref{
		"env":       {Env: "DSN"},
		"file":      {File: write(t, canary+"\n", 0o600)},
		"read-only": {File: write(t, canary, 0o400)},
		"windows":   {File: write(t, canary+"\r\n", 0o600)},
		"command":   self(t, "print"),
	} {
		got, err := resolver.Resolve(t.Context(), ref)
		if err != nil || got.Reveal() != canary {
			t.Errorf("%s: got %d bytes, %v", name, len(got.Reveal()), err)
		}
	}
}

func TestOnlyOneLineEndIsTakenOff(t *testing.T) {
	got, err := Local{}.Resolve(t.Context(), Ref{File: write(t, " a b \n\n", 0o600)})
	if err != nil || got.Reveal() != " a b \n" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
}

func TestResolveRefuses(t *testing.T) {
	resolver := Local{Env: func(string) string { return "" }, Patience: time.Minute}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if out, err := exec.Command("mkfifo", "-m", "600", fifo).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	for name, c := range map[string]struct {
		ref  Ref
		says string
		is   error
	}{
		"no place":       {Ref{}, "no place", nil},
		"unset variable": {Ref{Env: "NONE"}, "NONE", nil},
		"no file":        {Ref{File: "/nonexistent/secret"}, "no such file", fs.ErrNotExist},
		"directory":      {Ref{File: t.TempDir()}, "regular", nil},
		"pipe":           {Ref{File: fifo}, "regular", nil},
		"group":          {Ref{File: write(t, canary, 0o640)}, "chmod 600", fs.ErrPermission},
		"world":          {Ref{File: write(t, canary, 0o604)}, "chmod 600", fs.ErrPermission},
		"writable":       {Ref{File: write(t, canary, 0o620)}, "chmod 600", fs.ErrPermission},
		"empty file":     {Ref{File: write(t, "\n", 0o600)}, "nothing", nil},
		"large file":     {Ref{File: write(t, strings.Repeat(canary, 10_000), 0o600)}, "64 KiB", nil},
		"zero byte":      {Ref{File: write(t, canary+"\x00", 0o600)}, "zero byte", nil},
		"no program":     {Ref{Command: []string{"/nonexistent/program", canary}}, "cannot be run", fs.ErrNotExist},
		"exit status":    {self(t, "fail"), "exit status 7", nil},
		"flood":          {self(t, "flood"), "64 KiB", nil},
		"silence":        {self(t, "nothing"), "nothing", nil},
	} {
		got, err := resolver.Resolve(t.Context(), c.ref)
		var typed *Error
		if !errors.As(err, &typed) || !got.IsEmpty() {
			t.Errorf("%s: got %d bytes, %v", name, len(got.Reveal()), err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, canary) || typed.Fix == "" {
			t.Errorf("%s: %s", name, text)
		}
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v is not %v", name, err, c.is)
		}
	}
}

func TestCommandThatHangsIsKilledWithItsChildren(t *testing.T) {
	start := time.Now()
	_, err := Local{Patience: 300 * time.Millisecond}.Resolve(t.Context(), self(t, "hang"))
	if err == nil || !strings.Contains(err.Error(), "did not end within 300ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestCommandSeesNoSecretOfOurs(t *testing.T) {
	t.Setenv("LETHE_KEY", canary)
	got, err := Local{}.Resolve(t.Context(), self(t, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range strings.SplitSeq(got.Reveal(), " ") {
		if name, _, _ := strings.Cut(variable, "="); name != "PATH" && name != "HOME" {
			t.Errorf("the command sees %s", name)
		}
	}
}

func TestRefNamesThePlaceAndNoArgument(t *testing.T) {
	for want, ref := range map[string]Ref{
		"environment variable A": {Env: "A"}, "file /b": {File: "/b"}, "command vault": {Command: []string{"/bin/vault", canary}},
		"no secret": {},
	} {
		if got := ref.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if ref.IsZero() != (want == "no secret") {
			t.Errorf("%s: IsZero is %v", want, ref.IsZero())
		}
	}
}

func TestRedactorKnowsPasswordsOfConnectionStrings(t *testing.T) {
	for dsn, text := range map[string]string{
		"postgres://app:hunter%402@db:5432/shop":        "cannot connect to app:hunter@2, hunter%402",
		"postgresql://db/shop?user=a&password=hunter2":  `invalid: "hunter2"`,
		"host=db user=app password=hunter2 dbname=shop": "user=app password=hunter2: refused",
		`host=db password = 'hun ter2\'' user=a`:        `got hun ter2'`,
		"postgres://app:hunter2@[::bad/shop":            "parse postgres://app:hunter2@[::bad/shop",
	} {
		got := NewRedactor(New(dsn)).Redact(text)
		if strings.Contains(got, "hunter") || strings.Contains(got, "hun ter") || !strings.Contains(got, "[secret]") {
			t.Errorf("%s: %s", dsn, got)
		}
	}
}

func TestRedactorLeavesNothingOfTextsWithShortSecrets(t *testing.T) {
	r := NewRedactor(New("abc"))
	if got := r.Redact("xabcx"); got != "[secret]" {
		t.Errorf("got %s", got)
	}
	if got := r.Redact("xyz"); got != "xyz" {
		t.Errorf("got %s", got)
	}
}

func TestRedactedTextHoldsNoSecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[a-z%:/@ ]{1,8}`), 1, 4).Draw(t, "secrets")
		text := strings.Join(append(rapid.SliceOf(rapid.StringMatching(`[a-z ]{0,5}`)).Draw(t, "noise"), secrets...), "")
		var all []String
		for _, s := range secrets {
			all = append(all, New(s))
		}
		got := strings.ReplaceAll(NewRedactor(all...).Redact(text), "[secret]", "\n")
		for _, s := range secrets {
			if strings.Contains(got, s) {
				t.Fatalf("%q is left in %q", s, got)
			}
		}
	})
}

func TestNilRedactorChangesNothing(t *testing.T) {
	if got := (*Redactor)(nil).Redact("text"); got != "text" {
		t.Errorf("got %s", got)
	}
}

func TestKeyFileIsWrittenOnceAndForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "masking.key")
	raw := bytes.Repeat([]byte{0xAB, 1}, 16)
	key, err := WriteKey(path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("ab01", 16); key.Reveal() != want {
		t.Errorf("got %s, want %s", key.Reveal(), want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	read, err := Local{}.Resolve(t.Context(), Ref{File: path})
	if err != nil || !read.Equal(key) {
		t.Errorf("the written key is not the read one: %v", err)
	}
	if _, err := WriteKey(path, bytes.NewReader(make([]byte, 32))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting: %v", err)
	}
	again, err := Local{}.Resolve(t.Context(), Ref{File: path})
	if err != nil || !again.Equal(key) {
		t.Errorf("the key was touched: %v", err)
	}
}

func TestKeyNeedsAllItsRandomness(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	if _, err := WriteKey(path, strings.NewReader("short")); err == nil {
		t.Error("a short key was written")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was left")
	}
}
