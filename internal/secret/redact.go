package secret

import (
	"net/url"
	"slices"
	"strings"
)

// shortest is the length below which a secret cannot be cut out of a text: what is left would still
// show where, and so what, it was.
const shortest = 4

// Redactor takes known secrets out of texts that others wrote, such as connection errors. It is read-only
// and safe for concurrent use. The nil Redactor knows no secret.
type Redactor struct {
	long  []string // the longest first, so that a part of one never spoils the whole of it
	short []string
}

// NewRedactor returns a Redactor of secrets and of their URL-escaped forms. Of a secret that is a
// connection string, URL or keywords, it also knows the password alone.
func NewRedactor(secrets ...String) *Redactor {
	r := &Redactor{}
	for _, s := range secrets {
		for _, form := range append([]string{s.Reveal()}, passwords(s.Reveal())...) {
			for _, written := range []string{form, url.QueryEscape(form), url.PathEscape(form)} {
				r.add(written)
			}
		}
	}
	slices.SortFunc(r.long, func(a, b string) int { return len(b) - len(a) })
	return r
}

func (r *Redactor) add(form string) {
	switch {
	case form == "" || slices.Contains(r.long, form) || slices.Contains(r.short, form):
	case len(form) < shortest:
		r.short = append(r.short, form)
	default:
		r.long = append(r.long, form)
	}
}

// Redact returns text with every known secret replaced by "[secret]". Where a secret of fewer than four
// characters occurs, nothing of the text is left.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	for _, form := range r.long {
		text = strings.ReplaceAll(text, form, shown)
	}
	for _, form := range r.short {
		if strings.Contains(strings.ReplaceAll(text, shown, ""), form) {
			return shown
		}
	}
	return text
}

// passwords returns the passwords inside a connection string, as written and decoded.
func passwords(dsn string) []string {
	if scheme, rest, isURL := strings.Cut(dsn, "://"); isURL && !strings.ContainsAny(scheme, " =") {
		return urlPasswords(dsn, rest)
	}
	var out []string
	for rest := dsn; ; {
		_, after, found := strings.Cut(rest, "password")
		if !found {
			return out
		}
		rest = after
		value, isSetting := strings.CutPrefix(strings.TrimLeft(after, " "), "=")
		if !isSetting {
			continue
		}
		if word := keywordValue(strings.TrimLeft(value, " ")); word != "" {
			out = append(out, word, strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(word))
		}
	}
}

// urlPasswords reads the password before the host and in the query. The escaped text is cut by hand: a
// URL that does not parse holds its password all the same.
func urlPasswords(dsn, rest string) []string {
	var out []string
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if _, password, found := strings.Cut(rest[:at], ":"); found {
			out = append(out, password)
			if decoded, err := url.PathUnescape(password); err == nil {
				out = append(out, decoded)
			}
		}
	}
	if _, query, found := strings.Cut(dsn, "?"); found {
		for pair := range strings.SplitSeq(query, "&") {
			if value, isPassword := strings.CutPrefix(pair, "password="); isPassword {
				out = append(out, value)
				if decoded, err := url.QueryUnescape(value); err == nil {
					out = append(out, decoded)
				}
			}
		}
	}
	return out
}

// keywordValue reads one value of the keyword form: up to a blank, or in single quotes.
func keywordValue(text string) string {
	if quoted, isQuoted := strings.CutPrefix(text, "'"); isQuoted {
		for i := 0; i < len(quoted); i++ {
			switch quoted[i] {
			case '\\':
				i++
			case '\'':
				return quoted[:i]
			}
		}
		return quoted
	}
	value, _, _ := strings.Cut(text, " ")
	return value
}
