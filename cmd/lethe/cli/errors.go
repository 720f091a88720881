package cli

import (
	"cmp"
	"errors"
	"slices"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// classifyRun turns the errors of the engines into failures, nil for those it does not know.
func classifyRun(err error) *failure {
	if no, ok := errors.AsType[*pg.RefusedError](err); ok {
		return &failure{status: statusRefused, code: firstCode(no.Findings), err: errors.New("refused, nothing was touched"), findings: no.Findings}
	}
	if busy, ok := errors.AsType[*pg.BusyError](err); ok {
		return &failure{status: statusRefused, code: "busy", err: busy, fix: "wait for it to end, or end it", retryable: true}
	}
	if held, ok := errors.AsType[*pg.HeldError](err); ok {
		return &failure{status: statusRefused, code: "held", err: held, fix: "wait, or end it: lethe env release " + held.Environment, retryable: true}
	}
	if full, ok := errors.AsType[*pg.NotEmptyError](err); ok {
		return &failure{status: statusRefused, code: "not-empty", err: full}
	}
	if changed, ok := errors.AsType[*pg.ChangedError](err); ok {
		return &failure{status: statusRefused, code: "catalog-changed", err: changed, retryable: true}
	}
	if policy, ok := errors.AsType[*pg.RowSecurityError](err); ok {
		return &failure{status: statusRefused, code: "row-security", err: policy}
	}
	if version, ok := errors.AsType[*pg.VersionError](err); ok {
		return &failure{status: statusRefused, code: "unsupported-version", err: version}
	}
	if failed, ok := errors.AsType[*refresh.VerificationError](err); ok {
		return &failure{status: statusVerification, code: firstCode(failed.Findings), err: failed, findings: failed.Findings}
	}
	if dangling, ok := errors.AsType[*pg.DanglingError](err); ok {
		return &failure{status: statusVerification, code: firstCode(dangling.Findings()), err: dangling, findings: dangling.Findings()}
	}
	if retain, ok := errors.AsType[*pg.RetainError](err); ok {
		return &failure{status: statusVerification, code: firstCode(retain.Findings), err: retain, findings: retain.Findings}
	}
	if yielded, ok := errors.AsType[*pg.YieldError](err); ok {
		return &failure{status: statusFailed, code: "yielded", err: yielded, retryable: true}
	}
	if old, ok := errors.AsType[*pg.AgeError](err); ok {
		return &failure{status: statusFailed, code: "snapshot-too-old", err: old}
	}
	if busy, ok := errors.AsType[*pg.LoadError](err); ok {
		return &failure{status: statusFailed, code: "source-busy", err: busy, retryable: true}
	}
	if lost, ok := errors.AsType[*pg.LostError](err); ok {
		return &failure{status: statusFailed, code: lost.Code(), err: lost, retryable: true}
	}
	if sessions, ok := errors.AsType[*pg.SessionsError](err); ok {
		return &failure{status: statusFailed, code: "sessions", err: sessions, retryable: true,
			fix: "end them or wait until they have gone; then publish what refresh built, which is kept: lethe publish ENV"}
	}
	if mask, ok := errors.AsType[*anonymize.MaskError](err); ok {
		return &failure{status: statusFailed, code: "mask-failed", err: mask, fix: "choose a mask or parameters that fit the column's values"}
	}
	if dsn, ok := errors.AsType[*pg.DSNError](err); ok {
		return &failure{status: statusUsage, code: "bad-dsn", err: err, fix: dsn.Fix()}
	}
	if connect, ok := errors.AsType[*pg.ConnectError](err); ok {
		return &failure{status: statusFailed, code: "cannot-connect", err: err, fix: connectFix(connect), retryable: retryConnect(connect)}
	}
	if keys, ok := errors.AsType[*pg.KeyError](err); ok {
		return &failure{status: statusFailed, code: "duplicate-keys", err: err,
			fix: "where no mask is on its columns these are production's own rows: correct them there, or leave the index out by tolerate: [" + keys.Index + "]"}
	}
	if entry, ok := errors.AsType[*pg.EntryError](err); ok && pg.MissingName(err) {
		return &failure{status: statusFailed, code: "missing-name", err: entry, fix: searchPathFix}
	}
	if broken, ok := errors.AsType[*pg.BrokenOffError](err); ok {
		return &failure{status: statusFailed, code: "session-lost", err: broken, retryable: true, fix: "look into the server's log for why it ended the session; then start the run again"}
	}
	if server, ok := errors.AsType[*pg.ServerError](err); ok {
		failed := &failure{status: statusFailed, code: cmp.Or(server.Condition, "server-error"), err: err, retryable: transient(server.Code)}
		if pg.MissingName(err) {
			failed.fix = searchPathFix
		}
		return failed
	}
	return nil
}

// retryConnect reports whether a server may answer later: it is down, starting, or full. A name that no
// server has or a password that is wrong stay so.
func retryConnect(err error) bool {
	server, ok := errors.AsType[*pg.ServerError](err)
	return !ok || transient(server.Code)
}

// connectFix says what to look at when a connection was not made.
func connectFix(err error) string {
	server, ok := errors.AsType[*pg.ServerError](err)
	switch {
	case !ok:
		return "check host and port of the connection string, and that the server runs and can be reached from here"
	case server.Code == "3D000":
		return "check the database's name in the connection string, or create the database"
	case len(server.Code) == 5 && server.Code[:2] == "28":
		return "check user and password of the connection string, and the server's pg_hba.conf"
	case server.Code == "42501":
		return "grant the role CONNECT on the database"
	}
	return ""
}

// transient reports whether the same work may succeed later: connection trouble, shortage, conflicts
// with other sessions, an operator's intervention.
func transient(sqlstate string) bool {
	return len(sqlstate) == 5 && slices.Contains([]string{"08", "40", "53", "55", "57"}, sqlstate[:2])
}

// largest returns the n tables with the most bytes, in that order.
func largest(tables []refresh.TableReport, n int) []refresh.TableReport {
	sorted := slices.Clone(tables)
	slices.SortStableFunc(sorted, func(a, b refresh.TableReport) int { return -cmp.Compare(a.Bytes, b.Bytes) })
	return sorted[:min(n, len(sorted))]
}
