package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/lethedb/lethe/internal/finding"
)

// The exit statuses. They are a contract: scripts branch on them.
const (
	statusDone         = 0
	statusFailed       = 1
	statusUsage        = 2
	statusRefused      = 3
	statusVerification = 4
	statusInterrupted  = 130
)

// failure is an error with what a person and a script need to go on.
type failure struct {
	status int
	// code is a stable dashed word.
	code string
	err  error
	// fix says what to do, in the imperative; may be empty.
	fix string
	// retryable reports that the same command may succeed later without a change.
	retryable bool
	findings  finding.List
	// told reports that the document on stdout says it already; a second one would be one too many.
	told bool
	// done reports that what was asked for is done, and that only something after it went wrong.
	done bool
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usageError(code string, err error, fix string) error {
	return &failure{status: statusUsage, code: code, err: err, fix: fix}
}

func refused(code string, err error, fix string) error {
	return &failure{status: statusRefused, code: code, err: err, fix: fix}
}

// refusedBy returns a failure that lists findings: of the configuration (status 2) or of what the
// catalog and the guards say (status 3). A key that is missing is the configuration's fault, though only
// the plan knows that one is needed.
func refusedBy(status int, verb string, found finding.List) error {
	n := found.Count(finding.Error)
	if n == 1 && firstCode(found) == "missing-key" {
		status = statusUsage
	}
	return &failure{
		status: status, code: firstCode(found), findings: found,
		err: fmt.Errorf("%s: %s, nothing was touched", verb, counted(n, "finding")),
	}
}

func firstCode(found finding.List) string {
	for _, f := range found {
		if f.Severity == finding.Error {
			return f.Code
		}
	}
	return "refused"
}

// errorDocument is what --json prints of a failure.
type errorDocument struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Status    int          `json:"status"`
	Code      string       `json:"code"`
	Message   string       `json:"message"`
	Fix       string       `json:"fix,omitempty"`
	Retryable bool         `json:"retryable"`
	Findings  finding.List `json:"findings,omitempty"`
}

// report shows an error and returns the exit status it stands for.
func (a *app) report(ctx context.Context, err error) int {
	f := a.classify(ctx, err)
	if a.json && !f.told {
		body := errorBody{Status: f.status, Code: f.code, Message: f.Error(), Fix: f.fix, Retryable: f.retryable, Findings: f.findings}
		// It holds texts and numbers alone; a stdout that is gone has nobody to tell.
		_ = a.print(errorDocument{body}, nil)
	}
	a.showFindings(f.findings)
	a.talkHanging(7, "%s %s", a.paint(red, "lethe:"), f.Error())
	if f.fix != "" {
		a.talkHanging(9, "%s %s", a.paint(bold, "to mend:"), f.fix)
	}
	return f.status
}

// classify turns any error into a failure. What nothing else explains is status 1: something was begun
// and did not end well.
func (a *app) classify(ctx context.Context, err error) *failure {
	f := a.classifyAlone(ctx, err)
	if again, ok := errors.AsType[*resumableError](err); ok {
		told := *f
		if told.fix != "" {
			told.fix += "; "
		}
		told.fix += again.hint()
		return &told
	}
	return f
}

// classifyAlone is classify without what can be done with what the run left.
func (a *app) classifyAlone(ctx context.Context, err error) *failure {
	var f *failure
	known := errors.As(err, &f)
	if known && (f.done || f.status == statusInterrupted) {
		return f
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return &failure{status: statusInterrupted, code: "interrupted", err: errors.New("interrupted; nothing was published"), retryable: true}
	}
	if known {
		return f
	}
	if f := classifyRun(err); f != nil {
		return f
	}
	// What cobra itself refuses is wrong usage.
	if isUsage(err) {
		return &failure{status: statusUsage, code: "usage", err: err, fix: "see: lethe --help"}
	}
	return &failure{status: statusFailed, code: "failed", err: err}
}
