package pg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ConnectError is a connection that was not made: the server does not answer, or does not let us in. Its
// text names address, database and reason, never a password. Of several attempts, such as with and without
// TLS, each reason is told once.
type ConnectError struct {
	text  string
	inner error
}

// Error returns the error on one line.
func (e *ConnectError) Error() string { return e.text }

// Unwrap returns the error with all that the driver knows of it, free of values.
func (e *ConnectError) Unwrap() error { return e.inner }

// connectError says why a connection to address was not made.
func connectError(address string, err error) error {
	reasons := said(err)
	if len(reasons) == 0 { // what a server said explains more than how it was reached
		reasons = leaves(err)
	}
	slices.Sort(reasons)
	return &ConnectError{
		text:  "connect to " + address + ": " + strings.Join(slices.Compact(reasons), "; "),
		inner: sanitize(fmt.Errorf("connect to %s: %w", address, err)),
	}
}

// leaves returns the texts of the errors that wrap no other.
func leaves(err error) []string {
	switch e := err.(type) { //nolint:errorlint // this walks the tree itself
	case interface{ Unwrap() []error }:
		var all []string
		for _, inner := range e.Unwrap() {
			all = append(all, leaves(inner)...)
		}
		return all
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return leaves(inner)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return []string{"no answer in time"}
	}
	return []string{oneLine(err.Error())}
}

// DSNError is a connection string that cannot be read; its text holds no part of it.
type DSNError struct{ reason error }

// Error returns the error on one line.
func (e *DSNError) Error() string { return "read connection string: " + e.reason.Error() }

// Fix says how a connection string is written.
func (e *DSNError) Fix() string {
	return "write postgres://user@host:5432/database, or pairs such as host=… dbname=…; files it names must exist"
}
