package pg

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
)

// BrokenOffError says that a session ended in the middle of what it did, by no fault of the rows: nothing of
// it stayed, and on a new session it may be tried again.
type BrokenOffError struct{ Err error }

// Error is the error of the session.
func (e *BrokenOffError) Error() string { return e.Err.Error() }

// Unwrap returns it.
func (e *BrokenOffError) Unwrap() error { return e.Err }

// Transient reports that the same work may be tried again at once.
func (e *BrokenOffError) Transient() bool { return true }

// brokenOff returns err as a BrokenOffError when a session was lost: the connection was cut, an operator or
// a restart ended it, or the server had no more of them. A lost snapshot is more than that and stays itself.
func brokenOff(err error) error {
	if err == nil {
		return nil
	}
	if _, lost := errors.AsType[*LostError](err); lost {
		return err
	}
	if server, ok := errors.AsType[*ServerError](err); ok {
		if slices.Contains([]string{"08", "57"}, server.Code[:min(2, len(server.Code))]) && server.Code != "57014" || server.Code == "53300" {
			return &BrokenOffError{Err: err}
		}
		return err
	}
	if _, cut := errors.AsType[net.Error](err); cut || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &BrokenOffError{Err: err}
	}
	return err
}

// brokenOff is the same for a session that builds: a new one may go on only while the environment is still
// held by this run. What was lost together with the lock is told as that.
func (b *build) brokenOff(ctx context.Context, err error) error {
	err = brokenOff(err)
	if _, again := errors.AsType[*BrokenOffError](err); !again {
		return err
	}
	if lost := b.t.lock.check(ctx); lost != nil {
		return lost
	}
	return err
}
