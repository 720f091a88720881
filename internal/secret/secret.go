// Package secret holds what must not be seen: secret strings that never print, and the places they are
// fetched from.
//
// A secret is named in the configuration by a Ref, fetched by a Resolver when it is needed, and carried
// as a String, whose value only Reveal gives away.
package secret

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
)

// shown is what every printed form of a secret is.
const shown = "[secret]"

// String is a secret text. It prints as "[secret]" under every fmt verb, in JSON, YAML, text and slog.
// The zero String is empty. It cannot be read back from any of its printed forms. Two of them are compared
// by Equal; == tells only whether one is a copy of the other.
//
// The text is behind a pointer because fmt calls no method of an unexported field: of a struct that holds
// a String in one it prints the address.
type String struct{ value *string }

// New returns a String that holds value.
func New(value string) String { return String{value: &value} }

// Equal reports whether both hold the same secret, in a time that does not tell how much of it is equal.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Reveal returns the secret itself. It is the one way to it: whoever calls it answers for where it goes.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsEmpty reports whether there is nothing to keep secret.
func (s String) IsEmpty() bool { return s.Reveal() == "" }

// Format writes "[secret]" for every verb, so that neither %#v nor a wrong verb shows the fields.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, shown) }

// String returns "[secret]".
func (s String) String() string { return shown }

// MarshalText writes "[secret]"; YAML and XML encoders use it too.
func (s String) MarshalText() ([]byte, error) { return []byte(shown), nil }

// MarshalJSON writes "[secret]" as a JSON string.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(shown) }

// LogValue returns "[secret]" to slog.
func (s String) LogValue() slog.Value { return slog.StringValue(shown) }

// Ref says where a secret is fetched from. Exactly one field is set, or none in the zero Ref, which means
// that no secret was named. A Ref holds no secret and may be printed.
type Ref struct {
	// Env is the name of an environment variable.
	Env string `json:"env,omitempty"`
	// File is the path of a file that holds nothing but the secret.
	File string `json:"file,omitempty"`
	// Command is a program and its arguments, run without a shell; the secret is what it prints.
	Command []string `json:"command,omitempty"`
}

// IsZero reports whether no secret was named.
func (r Ref) IsZero() bool { return r.Env == "" && r.File == "" && len(r.Command) == 0 }

// String names the place for messages, such as "environment variable LETHE_KEY". Of a command it names
// the program alone: arguments may be nobody else's business.
func (r Ref) String() string {
	switch {
	case r.Env != "":
		return "environment variable " + r.Env
	case r.File != "":
		return "file " + r.File
	case len(r.Command) > 0:
		return "command " + filepath.Base(r.Command[0])
	}
	return "no secret"
}

// Resolver fetches secrets. It is safe for concurrent use. Its errors name the Ref and the remedy, never
// a part of the secret.
type Resolver interface {
	Resolve(ctx context.Context, ref Ref) (String, error)
}
