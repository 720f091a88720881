package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/finding"
)

// Hold keeps an environment as it is until a moment: it is neither refreshed nor published nor rolled
// back. It stands in the database that serves, where every machine sees it, and ends by itself.
type Hold struct {
	// By is who asked for it, Role the database role it was written by.
	By   string    `json:"by"`
	Role string    `json:"role"`
	At   time.Time `json:"at"`
	// Until is when it ends.
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// HeldError says that somebody holds the environment. Nothing was touched.
type HeldError struct {
	Environment string
	Hold        Hold
}

// Error names who holds it, until when and why.
func (e *HeldError) Error() string {
	return fmt.Sprintf("environment %s is held by %s until %s: %s",
		e.Environment, e.Hold.By, e.Hold.Until.UTC().Format("2006-01-02 15:04 MST"), e.Hold.Reason)
}

const holdSchema = `CREATE TABLE IF NOT EXISTS lethe.hold (single boolean PRIMARY KEY DEFAULT true CHECK (single),
	by text NOT NULL, role text NOT NULL, at timestamptz NOT NULL, until timestamptz NOT NULL, reason text NOT NULL)`

// loadHold reads the hold of the session's database, nil when there is none that lasts at now.
func loadHold(ctx context.Context, conn *pgx.Conn, now time.Time) (*Hold, error) {
	there, err := hasTable(ctx, conn, "lethe.hold")
	if err != nil || !there {
		return nil, err
	}
	var h Hold
	err = conn.QueryRow(ctx, `SELECT by, role, at, until, reason FROM lethe.hold`).Scan(&h.By, &h.Role, &h.At, &h.Until, &h.Reason)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !h.Until.After(now) {
		return nil, nil //nolint:nilnil // none is an answer, and the documented one
	}
	h.At, h.Until = h.At.UTC(), h.Until.UTC()
	return &h, sanitize(err)
}

// storeHold writes the hold of the session's database; nil takes away what is there.
func storeHold(ctx context.Context, conn *pgx.Conn, h *Hold) error {
	if h == nil {
		there, err := hasTable(ctx, conn, "lethe.hold")
		if err == nil && there {
			_, err = conn.Exec(ctx, `DELETE FROM lethe.hold`)
		}
		return sanitize(err)
	}
	if _, err := conn.Exec(ctx, holdSchema); err != nil {
		return sanitize(err)
	}
	const write = `INSERT INTO lethe.hold (by, role, at, until, reason) VALUES ($1, current_user, $2, $3, $4)
		ON CONFLICT (single) DO UPDATE SET by = excluded.by, role = excluded.role, at = excluded.at, until = excluded.until, reason = excluded.reason`
	_, err := conn.Exec(ctx, write, h.By, h.At, h.Until, h.Reason)
	return sanitize(err)
}

// holdAttempts is how often a hold is written that a publication carried away at the same moment.
const holdAttempts = 3

// SetHold holds the environment; one that is held already is held anew. It takes no lock, so that a run
// that goes on now builds and is then not published.
func SetHold(ctx context.Context, opts TargetOptions, h Hold) (Hold, error) {
	for range holdAttempts {
		if err := onServing(ctx, opts, func(_ *Target, conn *pgx.Conn) error { return storeHold(ctx, conn, &h) }); err != nil {
			return Hold{}, fmt.Errorf("hold environment %s: %w", opts.Environment, err)
		}
		// What serves may have changed meanwhile: a hold counts where everybody looks for it.
		var stands *Hold
		err := onServing(ctx, opts, func(t *Target, conn *pgx.Conn) (err error) {
			stands, err = loadHold(ctx, conn, t.opts.Now())
			return err
		})
		if err != nil {
			return Hold{}, fmt.Errorf("hold environment %s: %w", opts.Environment, err)
		}
		if stands != nil {
			return *stands, nil
		}
	}
	return Hold{}, fmt.Errorf("hold environment %s: it is published again and again; try again", opts.Environment)
}

// ReleaseHold ends the hold and returns it; nil when there was none.
func ReleaseHold(ctx context.Context, opts TargetOptions) (*Hold, error) {
	var was *Hold
	err := onServing(ctx, opts, func(t *Target, conn *pgx.Conn) (err error) {
		if was, err = loadHold(ctx, conn, t.opts.Now()); err != nil {
			return err
		}
		return storeHold(ctx, conn, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("release environment %s: %w", opts.Environment, err)
	}
	return was, nil
}

// onServing calls f with a session in the database that serves.
func onServing(ctx context.Context, opts TargetOptions, f func(t *Target, conn *pgx.Conn) error) error {
	t, err := findTarget(ctx, opts)
	if err != nil {
		return err
	}
	return t.opts.within(ctx, t.base, func(conn *pgx.Conn) error { return f(t, conn) })
}

// Free refuses an environment that somebody holds by a HeldError.
func Free(ctx context.Context, opts TargetOptions) error {
	t, err := findTarget(ctx, opts)
	if err != nil {
		return err
	}
	return t.free(ctx)
}

// free refuses an environment that somebody holds.
func (t *Target) free(ctx context.Context) error {
	return t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		h, err := loadHold(ctx, conn, t.opts.Now())
		if err != nil {
			return fmt.Errorf("look who holds environment %s: %w", t.opts.Environment, err)
		}
		if h != nil {
			return &HeldError{Environment: t.opts.Environment, Hold: *h}
		}
		return nil
	})
}

// carryHold gives the database that serves now the hold that was written into the one it replaced at the
// last moment, and takes away what it held itself when it served before.
func (t *Target) carryHold(ctx context.Context, from, to string) finding.List {
	ctx = context.WithoutCancel(ctx) // it is published
	var h *Hold
	err := t.opts.within(ctx, from, func(conn *pgx.Conn) (err error) {
		h, err = loadHold(ctx, conn, t.opts.Now())
		return err
	})
	if err == nil {
		err = t.opts.within(ctx, to, func(conn *pgx.Conn) error { return storeHold(ctx, conn, h) })
	}
	if err == nil {
		return nil
	}
	return finding.List{{Code: "hold", Severity: finding.Warning, Object: to, Message: fmt.Sprintf("whether somebody holds the environment could not be carried over: %v", err),
		Fix: "look: lethe env show " + t.opts.Environment}}
}
