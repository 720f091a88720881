package pg

import (
	"fmt"
	"regexp"
	"strings"
)

// Statement is one statement of a file, without comments before it.
type Statement struct {
	Text string
	// Line is that of its first word, from 1.
	Line int
}

// SyntaxError says why a file cannot be taken apart into statements. It quotes nothing of the file.
type SyntaxError struct {
	Line    int
	Problem string
}

// Error names the line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// ParseStatements takes a file of SQL apart at its semicolons, as psql does: those in strings, comments,
// dollar quotes, parentheses and bodies of SQL functions are none. What only psql understands is a
// *SyntaxError.
func ParseStatements(text string) ([]Statement, error) {
	s := statements{text: text, line: 1}
	for s.at < len(s.text) {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	return s.all, s.finish()
}

// statements is the state of taking a text apart.
type statements struct {
	text     string
	at, line int
	all      []Statement
	// start is where the statement began, startLine its line; start is -1 between two, as startLine is 0.
	start, startLine int
	parentheses      int
	// words are the first words of the statement, in lower case; begins counts the blocks that are open in
	// the body of an SQL function.
	words  []string
	begins int
}

// step reads one thing: a string, a comment, a word, or a single character.
func (s *statements) step() error {
	rest := s.text[s.at:]
	switch c := rest[0]; {
	case c == '\n' || c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
		s.take(1)
		return nil
	case strings.HasPrefix(rest, "--"):
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		s.take(end)
		return nil
	case strings.HasPrefix(rest, "/*"):
		return s.comment()
	case c == ';' && s.parentheses == 0 && s.begins == 0:
		s.end()
		s.take(1)
		return nil
	case c == '\\':
		return &SyntaxError{s.line, "a command of psql's, which no server knows; write SQL"}
	}
	if s.startLine == 0 {
		s.start, s.startLine = s.at, s.line
	}
	switch c := rest[0]; {
	case c == '\'':
		return s.quoted("'", false)
	case c == '"':
		return s.quoted(`"`, false)
	case c == '$':
		return s.dollar()
	case isWord(c):
		return s.word()
	case c == '(':
		s.parentheses++
	case c == ')':
		s.parentheses = max(s.parentheses-1, 0)
	}
	s.take(1)
	return nil
}

// take moves on by n bytes.
func (s *statements) take(n int) {
	s.line += strings.Count(s.text[s.at:s.at+n], "\n")
	s.at += n
}

// end closes the statement that is open, if any.
func (s *statements) end() {
	if s.startLine > 0 {
		s.all = append(s.all, Statement{Text: strings.TrimSpace(s.text[s.start:s.at]), Line: s.startLine})
	}
	s.startLine, s.parentheses, s.words, s.begins = 0, 0, nil, 0
}

// finish closes the last statement and looks at all of them.
func (s *statements) finish() error {
	s.end()
	streams := regexp.MustCompile(`(?is)^copy\s.*\b(from\s+stdin|to\s+stdout)\b`)
	for _, statement := range s.all {
		if streams.MatchString(statement.Text) {
			return &SyntaxError{statement.Line, "COPY with rows in the file, which no server reads; write INSERT"}
		}
	}
	return nil
}

// comment reads a comment, with those inside it.
func (s *statements) comment() error {
	line, depth := s.line, 0
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			s.take(2)
		case strings.HasPrefix(rest, "*/"):
			depth--
			s.take(2)
			if depth == 0 {
				return nil
			}
		default:
			s.take(1)
		}
	}
	return &SyntaxError{line, "a comment that does not end"}
}

// quoted reads a string or a quoted name. Doubled quotes are one string after another, to us.
func (s *statements) quoted(quote string, escapes bool) error {
	line := s.line
	s.take(1)
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case escapes && rest[0] == '\\' && len(rest) > 1:
			s.take(2)
		case strings.HasPrefix(rest, quote):
			s.take(1)
			return nil
		default:
			s.take(1)
		}
	}
	return &SyntaxError{line, "a string that does not end"}
}

// dollar reads a string in dollar quotes, or a parameter's sign.
func (s *statements) dollar() error {
	tag := regexp.MustCompile(`^\$([A-Za-z_\x{80}-\x{10ffff}][A-Za-z0-9_\x{80}-\x{10ffff}]*)?\$`).FindString(s.text[s.at:])
	if tag == "" {
		s.take(1)
		return nil
	}
	line := s.line
	s.take(len(tag))
	end := strings.Index(s.text[s.at:], tag)
	if end < 0 {
		return &SyntaxError{line, "a string in dollar quotes that does not end"}
	}
	s.take(end + len(tag))
	return nil
}

// word reads a word, and counts what opens and closes the body of an SQL function.
func (s *statements) word() error {
	end := s.at
	for end < len(s.text) && (isWord(s.text[end]) || s.text[end] >= '0' && s.text[end] <= '9' || s.text[end] == '$') {
		end++
	}
	word := strings.ToLower(s.text[s.at:end])
	s.take(end - s.at)
	if word == "e" && s.at < len(s.text) && s.text[s.at] == '\'' {
		return s.quoted("'", true)
	}
	if len(s.words) < 4 {
		s.words = append(s.words, word)
	}
	switch {
	case word == "begin" && s.makesRoutine(), word == "case" && s.begins > 0:
		s.begins++
	case word == "end" && s.begins > 0:
		s.begins--
	}
	return nil
}

// makesRoutine reports whether the statement begins as CREATE [OR REPLACE] FUNCTION or PROCEDURE.
func (s *statements) makesRoutine() bool {
	if len(s.words) < 2 || s.words[0] != "create" {
		return false
	}
	kind := s.words[1]
	if kind == "or" && len(s.words) == 4 {
		kind = s.words[3]
	}
	return kind == "function" || kind == "procedure"
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
