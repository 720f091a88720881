package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lethedb/lethe/internal/pg"
)

// glance is how often a wait looks at the clock again: it may be set, and the machine may sleep.
const glance = 30 * time.Second

// announcement is what whoever listens in a serving database is told.
type announcement struct {
	// Event is "announced", or "withdrawn" when what was announced will not happen.
	Event       string    `json:"event"`
	Environment string    `json:"environment"`
	Run         string    `json:"run"`
	At          time.Time `json:"at"`
}

// awaitTurn waits for the moment at which the environment may change over, and announces it.
func (h hooks) awaitTurn(ctx context.Context, now bool) error {
	w, ahead := h.env.Publish.Window, h.env.Publish.Announce
	if now || w == nil && ahead == 0 {
		return nil
	}
	at := h.app.Now().Add(ahead)
	if w != nil {
		at = w.Next(at)
		h.app.talk("%s waits for %s (window %s, %s)", h.app.paint(cyan, "·"), at.Format("Mon 15:04"), w, w.Zone)
	} else {
		h.app.talk("%s waits until %s", h.app.paint(cyan, "·"), at.Format("Mon 15:04:05"))
	}
	if ahead == 0 {
		return h.wait(ctx, at)
	}
	if err := h.wait(ctx, at.Add(-ahead)); err != nil {
		return err
	}
	note := announcement{Event: "announced", Environment: h.env.Name, Run: h.run, At: at.UTC()}
	err := h.announce(ctx, note)
	if err == nil {
		err = h.tell(ctx, "announce", h.env.Hooks.Announce, "", variable{"LETHE_PUBLISH_AT", at.Format(time.RFC3339)})
	}
	if err == nil {
		err = h.wait(ctx, at)
	}
	if err != nil {
		note.Event = "withdrawn"
		// The run's context may be what ended, and who was told must hear that it is off.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		defer cancel()
		return errors.Join(err, h.announce(ending, note))
	}
	return nil
}

func (h hooks) announce(ctx context.Context, a announcement) error {
	payload, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := pg.Announce(ctx, h.target, string(payload)); err != nil {
		return fmt.Errorf("announce the change: %w", err)
	}
	return nil
}

// wait returns when the clock shows at. An interrupt ends the wait; what was built stays.
func (h hooks) wait(ctx context.Context, at time.Time) error {
	for {
		left := at.Sub(h.app.Now())
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errInterrupted) {
				return context.Cause(ctx)
			}
			return &failure{
				status: statusInterrupted, code: "interrupted", retryable: true,
				err: fmt.Errorf("interrupted while it waited for %s; nothing was published, and what was built is kept", at.Format("15:04")),
				fix: "publish it: lethe publish " + h.env.Name + " --now",
			}
		case <-h.app.After(min(left, glance)):
		}
	}
}
