package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ServerError is what may be passed on of an error that the server reported: its SQLSTATE and the names
// of the objects concerned. Message, detail, hint, context and internal query may quote values of rows
// and are dropped in this file, the only place that touches them.
type ServerError struct {
	// Code is the SQLSTATE; Condition its standard name, "" when the code is not a standard one.
	Code      string
	Condition string
	// Schema, Table, Column and Constraint are the objects the server named; any may be empty.
	Schema, Table, Column, Constraint string
	// Line is the line of COPY data the server stopped at; 0 when it told none.
	Line int64
	// Severity is FATAL, PANIC or ERROR.
	Severity string
}

// Error returns the error on one line, without any value.
func (e *ServerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server error %s", e.Code)
	if e.Condition != "" {
		fmt.Fprintf(&b, " (%s)", e.Condition)
	}
	for _, part := range []struct{ kind, name string }{
		{"schema", e.Schema}, {"table", e.Table}, {"column", e.Column}, {"constraint", e.Constraint},
	} {
		if part.name != "" {
			fmt.Fprintf(&b, ", %s %q", part.kind, part.name)
		}
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, ", line %d", e.Line)
	}
	return b.String()
}

// hasCode reports whether err holds a server error with one of the SQLSTATEs, whether it has been
// through sanitize or not.
func hasCode(err error, codes ...string) bool {
	got := ""
	if safe, ok := errors.AsType[*ServerError](err); ok {
		got = safe.Code
	} else if raw, ok := errors.AsType[*pgconn.PgError](err); ok {
		got = raw.Code
	}
	for _, code := range codes {
		if got == code {
			return true
		}
	}
	return false
}

// sanitized is an error whose text had to be rebuilt; it unwraps only to what a caller may see of the
// original.
type sanitized struct {
	text  string
	inner []error
}

func (e *sanitized) Error() string   { return e.text }
func (e *sanitized) Unwrap() []error { return e.inner }

// sanitize returns err with every server error in it reduced to a ServerError, its wrapping text kept,
// and with no way back to an error of pgx. Errors that hold none of pgx pass unchanged. Every error of
// pgx goes through here before it leaves the package.
func sanitize(err error) error {
	if err == nil {
		return nil
	}
	var found foreign
	found.collect(err)
	if len(found.server) == 0 && !found.driver {
		return err
	}
	text := err.Error()
	inner := found.ours
	for _, raw := range found.server {
		safe := reduce(raw)
		inner = append(inner, safe)
		if found.connecting && harmlessAtConnect(raw.Code) {
			continue
		}
		spelled := strings.Contains(text, raw.Error())
		text = strings.ReplaceAll(text, raw.Error(), safe.Error())
		if !spelled || strings.Contains(text, "SQLSTATE") || raw.Message != "" && strings.Contains(text, raw.Message) {
			// Some layer spelled the server's text its own way: nothing of it can be trusted.
			return &sanitized{text: safe.Error(), inner: append(inner, plain(err)...)}
		}
	}
	if found.scan {
		text = "read result: a column has another type than expected"
	}
	return &sanitized{text: oneLine(text), inner: append(inner, plain(err)...)}
}

// oneLine joins the lines of text, blanks around the breaks left out.
func oneLine(text string) string {
	return regexp.MustCompile(`\s*\n\s*`).ReplaceAllString(strings.TrimSpace(text), " ")
}

// foreign is what a tree of errors holds of pgx's, and of ours below it.
type foreign struct {
	server             []*pgconn.PgError
	ours               []error
	driver, connecting bool
	scan               bool
}

// collect walks the tree below err.
func (f *foreign) collect(err error) {
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case nil:
		return
	case *sanitized:
		f.ours = append(f.ours, e.inner...)
		return
	case *pgconn.PgError:
		f.server = append(f.server, e)
		return
	case *pgconn.ConnectError:
		f.driver, f.connecting = true, true
	case *pgconn.ParseConfigError, *pgconn.PrepareError:
		f.driver = true
	case pgx.ScanArgError, *pgx.ScanArgError:
		f.driver, f.scan = true, true
	}
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case interface{ Unwrap() error }:
		f.collect(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			f.collect(inner)
		}
	}
}

// plain returns the sentinels of err that a caller may want to tell by errors.Is and that hold no text
// of a server.
func plain(err error) []error {
	var known []error
	for _, sentinel := range []error{
		context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.ErrClosedPipe,
		net.ErrClosed, os.ErrDeadlineExceeded, pgx.ErrNoRows,
	} {
		if errors.Is(err, sentinel) {
			known = append(known, sentinel)
		}
	}
	return known
}

// reduce keeps of a server error what may be passed on. Names that a RAISE statement chose are dropped:
// a function may have put anything there.
func reduce(raw *pgconn.PgError) *ServerError {
	safe := &ServerError{
		Code: raw.Code, Condition: condition(raw.Code), Severity: raw.SeverityUnlocalized,
		Schema: raw.SchemaName, Table: raw.TableName, Column: raw.ColumnName, Constraint: raw.ConstraintName,
	}
	if raw.Routine == "exec_stmt_raise" {
		safe.Schema, safe.Table, safe.Column, safe.Constraint = "", "", "", ""
	}
	line, column := copyPlace(raw.Where)
	safe.Line = line
	if safe.Column == "" {
		safe.Column = column
	}
	return safe
}

// copyPlace returns the line number and the column from the context of a failed COPY, "COPY t, line 12, column
// x: …", and zero values when there are none. A context that begins otherwise holds the text of statements,
// where the same words may be a value, and is not read; nor is anything behind the first colon after the line.
func copyPlace(where string) (line int64, column string) {
	match := regexp.MustCompile(`^COPY [^\n]+?, line ([0-9]{1,18})(?:, column ([^\n:"]{1,63}): |,|:|\n|$)`).FindStringSubmatch(where)
	if match == nil {
		return 0, ""
	}
	line, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		return 0, ""
	}
	return line, match[2]
}

// harmlessAtConnect reports whether the message of an error met while connecting names only roles,
// databases and addresses: no statement has run yet, and what a login trigger raises has other codes.
func harmlessAtConnect(code string) bool {
	for _, class := range []string{"08", "28", "3D", "53", "57"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return code == "42501" || code == "55000"
}

// said returns what servers said to an attempt to connect: in their words where these are harmless.
func said(err error) []string {
	var found foreign
	found.collect(err)
	var all []string
	for _, raw := range found.server {
		if harmlessAtConnect(raw.Code) {
			all = append(all, fmt.Sprintf("%s (SQLSTATE %s)", oneLine(raw.Message), raw.Code))
		} else {
			all = append(all, reduce(raw).Error())
		}
	}
	return all
}

// redactParse returns what may be said about a connection string that cannot be read. The string itself
// never is: where its syntax is broken nobody can tell which part was the password.
func redactParse(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return errors.New("it names a file that does not exist")
	case errors.Is(err, os.ErrPermission):
		return errors.New("it names a file that may not be read")
	}
	return errors.New("its syntax is wrong")
}

// ToolError is the failure of a program of PostgreSQL's, such as pg_dump.
type ToolError struct {
	// Tool is the program's name, ExitCode its exit status; -1 when a signal ended it.
	Tool     string
	ExitCode int
	// output is what it wrote; it may quote anything and so is no part of the error's text.
	output string
}

// newToolError returns the error for a program that ended with status code and wrote output.
func newToolError(tool string, code int, output []byte) *ToolError {
	return &ToolError{Tool: tool, ExitCode: code, output: string(output)}
}

// Error names the program and its exit status, and the reason where its output holds one of a few fixed
// phrases; never its output.
func (e *ToolError) Error() string {
	text := fmt.Sprintf("%s ended with status %d", e.Tool, e.ExitCode)
	for _, reason := range toolReasons() {
		if strings.Contains(e.output, reason) {
			return text + ": " + strings.ToLower(reason)
		}
	}
	return text
}

// toolReasons are what servers and libraries say, in English, where a person must act outside the database.
// They hold no value.
func toolReasons() []string {
	return []string{
		"No space left on device", "out of shared memory", "out of memory", "server closed the connection unexpectedly",
		"terminating connection due to administrator command", "canceling statement due to statement timeout",
		"canceling statement due to lock timeout", "permission denied", "must be owner of",
	}
}

// GoString is Error, so that %#v shows no output either.
func (e *ToolError) GoString() string { return e.Error() }

// Output returns what the program wrote. It may hold values of rows: show it on a terminal to who asked,
// and write it nowhere.
func (e *ToolError) Output() string { return e.output }
