package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Status is what can be told of an environment from any machine, read from its own databases.
type Status struct {
	Database string `json:"database"`
	Marker   Marker `json:"marker"`
	// Certificate is that of the database that serves; nil when it was adopted and never refreshed.
	Certificate *Certificate `json:"certificate,omitempty"`
	Bytes       int64        `json:"bytes"`
	// Previous are the databases that served before, Builds those that wait to be published, Leftovers
	// what the next run drops.
	Previous  []Kept `json:"previous,omitempty"`
	Builds    []Kept `json:"builds,omitempty"`
	Leftovers []Kept `json:"leftovers,omitempty"`
	// Hold is who keeps it as it is; nil for nobody.
	Hold *Hold `json:"hold,omitempty"`
	// Holder is who works on the environment now; zero for nobody.
	Holder Holder `json:"holder,omitzero"`
}

// Kept is a database beside the one that serves.
type Kept struct {
	Database string `json:"database"`
	Run      string `json:"run,omitempty"`
	Bytes    int64  `json:"bytes"`
	// Replaced is when it stopped serving, Until when it may be dropped.
	Replaced time.Time `json:"replaced,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	// Slots are logical replication slots, which keep it from being dropped.
	Slots []string `json:"slots,omitempty"`
	// Certificate is nil for a database that was adopted and for one that died young.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// Inspect tells how an environment stands. It reads only and takes no lock. Only DSN, Maintenance,
// Environment and Slots of the options are used.
func Inspect(ctx context.Context, opts TargetOptions) (Status, error) {
	if opts.Run == "" {
		opts.Run = "status"
	}
	t, err := findTarget(ctx, opts)
	if err != nil {
		return Status{}, err
	}
	s := Status{Database: t.base, Marker: t.marker}
	var all []related
	if t.opts.Slots != nil {
		all, err = t.relatedSlots(ctx)
	} else {
		all, err = t.related(ctx)
	}
	if err != nil {
		return s, err
	}
	s.sort(all)
	err = t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		s.Hold, err = loadHold(ctx, conn, t.opts.Now())
		return err
	})
	if err != nil {
		return s, fmt.Errorf("look who holds environment %s: %w", opts.Environment, err)
	}
	err = t.maintain(ctx, func(conn *pgx.Conn) error {
		s.Holder, err = lockHolder(ctx, conn, lockKey(t.marker.ID))
		return err
	})
	if err != nil {
		return s, fmt.Errorf("find who works on %s: %w", opts.Environment, err)
	}
	return s, nil
}

// sort puts each database where it belongs.
func (s *Status) sort(all []related) {
	for _, r := range all {
		k := Kept{Database: r.name, Run: r.run, Bytes: r.bytes, Replaced: r.replaced, Slots: r.slots, Certificate: r.cert}
		if r.note.KeptUntil != nil {
			k.Until = *r.note.KeptUntil
		}
		switch {
		case r.serving:
			s.Certificate, s.Bytes = r.cert, r.bytes
			if r.cert != nil {
				r.cert.State = Published
			}
		case r.previous():
			s.Previous = append(s.Previous, k)
		case r.unpublished():
			s.Builds = append(s.Builds, k)
		default:
			s.Leftovers = append(s.Leftovers, k)
		}
	}
}

// ReadCertificate returns the certificate of the database that serves, nil when it has none.
func (t *Target) ReadCertificate(ctx context.Context) (*Certificate, error) {
	var c Certificate
	err := t.opts.within(ctx, t.base, func(conn *pgx.Conn) error {
		var err error
		c, err = loadCertificate(ctx, conn)
		return err
	})
	if errors.Is(err, errNoCertificate) {
		return nil, nil //nolint:nilnil // none is an answer, and the documented one
	}
	return &c, err
}
