package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/lethedb/lethe/internal/finding"
)

// The colours, by what they mean here.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
	dim    = "2"
)

// colours reports whether stderr may carry escape sequences.
func (a *app) colours() bool { return a.ErrTerminal && !a.noColor && a.Env("NO_COLOR") == "" }

// paint wraps s for stderr when a person reads it.
func (a *app) paint(code, s string) string {
	if !a.colours() {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// paintOut wraps s for stdout when a person reads it.
func (a *app) paintOut(code, s string) string {
	if !a.OutTerminal || a.noColor || a.Env("NO_COLOR") != "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// talk writes lines for a person to stderr, wrapped to a terminal.
func (a *app) talk(format string, args ...any) { a.talkHanging(0, format, args...) }

// talkHanging is talk with what is wrapped indented.
func (a *app) talkHanging(hang int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.ErrTerminal {
		text = wrap(text, a.Width, hang)
	}
	if bar := a.bar.Load(); bar != nil {
		// Above the moving line: written past it, the text would be drawn over.
		if _, err := io.WriteString(bar, text+"\n"); err == nil {
			return
		}
	}
	fmt.Fprintln(a.Err, text)
}

// next says which verb comes next, to a person who is not led through them anyway.
func (a *app) next(format string, args ...any) {
	if !a.led {
		a.talk(a.paint(dim, "next: ")+format, args...)
	}
}

// tell writes lines of a document for a person, wrapped to a terminal and indented by hang.
func (a *app) tell(w io.Writer, hang int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.OutTerminal {
		text = wrap(text, a.Width, hang)
	}
	fmt.Fprintln(w, text)
}

// field writes one line of a list of names and values; nothing when the value is "".
func (a *app) field(w io.Writer, name, value string) {
	const indent, names = 2, 12
	if value != "" {
		a.tell(w, indent+names+1, "%*s%-*s %s", indent, "", names, name, value)
	}
}

// print writes the document as JSON when asked to, else lets show draw it for a person on stdout.
func (a *app) print(document any, show func(w io.Writer)) error {
	if !a.json {
		show(a.Out)
		return nil
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if _, err := io.WriteString(a.Out, inert(text.String())); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// inert spells what a terminal would obey in a JSON document as escapes, which mean the same to a reader.
// Below a blank the encoder has done it.
func inert(document string) string {
	if strings.IndexFunc(document, commands) < 0 {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		if !commands(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// commands reports whether a terminal may do something else with r than show it. Outside of strings a JSON
// document has no such character.
func commands(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }

// showFindings lists findings for a person on stderr, notes only when asked for.
func (a *app) showFindings(found finding.List) {
	for _, f := range found {
		colour := red
		switch f.Severity {
		case finding.Warning:
			colour = yellow
		case finding.Note:
			colour = dim
			if !a.verbose {
				continue
			}
		}
		where := strings.TrimSuffix(strings.Join([]string{f.Place.String(), f.Object}, ": "), ": ")
		where = strings.TrimPrefix(where, ": ")
		if where != "" {
			where += ": "
		}
		where = printable(where)
		severity := f.Severity.String() + ":"
		a.talkHanging(len(severity)+1, "%s %s%s %s", a.paint(colour, severity), where, printable(f.Message), a.paint(dim, "["+f.Code+"]"))
		if f.Fix != "" {
			a.talkHanging(5, "  %s %s", a.paint(dim, "->"), strings.ReplaceAll(printableLines(f.Fix), "\n", "\n     "))
		}
	}
}

// printableLines is printable that leaves line breaks.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// bytesText writes a size in the unit that leaves one to three digits.
func bytesText(n int64) string {
	const kilo = 1000 // disks and networks count in thousands
	if n < kilo {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n), "kMGTP"
	i := -1
	for value >= kilo && i < len(units)-1 {
		value /= kilo
		i++
	}
	return fmt.Sprintf("%.1f %cB", value, units[i])
}

// countText writes a number with thin groups of three digits, as in 1,234,567.
func countText(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// wholeText writes a duration that is only guessed: in whole seconds.
func wholeText(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	}
	return durationText(d)
}

// durationText writes a duration as people say it.
func durationText(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
