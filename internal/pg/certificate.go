package pg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/work"
)

// Certificate is a database's birth certificate: one row of lethe.certificate inside it. It holds sizes,
// names and digests, no value.
type Certificate struct {
	// Environment is the marker's ID.
	Environment string `json:"environment"`
	Run         string `json:"run"`
	State       State  `json:"state"`
	// Source says which instant of which database the data is.
	Source  work.Source  `json:"source"`
	Digests work.Digests `json:"digests"`
	// Version is the version of the program that built it.
	Version string `json:"version"`
	// Verdicts are the outcomes of the checks that it passed, as the caller judged them.
	Verdicts json.RawMessage `json:"verdicts,omitempty"`
	// Accepted is the catalog as accepted with this run, free of values: what is not in it is new.
	Accepted json.RawMessage `json:"accepted,omitempty"`
	Tables   int             `json:"tables"`
	// Retained are rows that came from the environment's previous database, as they were at RetainedAt.
	Retained    []Retained `json:"retained,omitempty"`
	RetainedAt  time.Time  `json:"retained_at,omitzero"`
	BuiltAt     time.Time  `json:"built_at,omitzero"`
	PublishedAt time.Time  `json:"published_at,omitzero"`
}

// State says how far a build has come.
type State string

// The states of a build. Only a built one may be published.
const (
	Building  State = "building"
	Failed    State = "failed"
	Built     State = "built"
	Published State = "published"
)

// certificateSchema makes the table of the certificate and, for the time of building, those of the parts and of what was done.
const certificateSchema = `CREATE TABLE IF NOT EXISTS lethe.certificate (
		single boolean PRIMARY KEY DEFAULT true CHECK (single),
		environment uuid NOT NULL, run text NOT NULL, state text NOT NULL, document text NOT NULL,
		published_at timestamptz);
	CREATE TABLE lethe.part (
		run text NOT NULL, part text NOT NULL, rows bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (run, part));
	CREATE TABLE lethe.done (what text PRIMARY KEY)`

// errNoCertificate says that a database carries no certificate.
var errNoCertificate = errors.New("the database carries no certificate")

// loadCertificate reads the certificate of the session's database.
func loadCertificate(ctx context.Context, conn *pgx.Conn) (Certificate, error) {
	var c Certificate
	there, err := hasTable(ctx, conn, "lethe.certificate")
	if err != nil {
		return c, err
	}
	if !there {
		return c, errNoCertificate
	}
	var document, state string
	var published *time.Time
	err = conn.QueryRow(ctx, `SELECT document, state, published_at FROM lethe.certificate`).Scan(&document, &state, &published)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return c, errNoCertificate
	case err != nil:
		return c, sanitize(fmt.Errorf("read certificate: %w", err))
	}
	if err := json.Unmarshal([]byte(document), &c); err != nil {
		return c, errors.New("read certificate: it was changed by somebody else")
	}
	c.State = State(state)
	if published != nil {
		c.PublishedAt = published.UTC()
	}
	return c, nil
}

// storeCertificate writes the certificate into the session's database.
func storeCertificate(ctx context.Context, conn *pgx.Conn, c Certificate) error {
	document, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	const write = `INSERT INTO lethe.certificate (environment, run, state, document) VALUES ($1::uuid, $2, $3, $4)
		ON CONFLICT (single) DO UPDATE SET environment = excluded.environment, run = excluded.run, state = excluded.state,
			document = excluded.document`
	if _, err := conn.Exec(ctx, write, c.Environment, c.Run, string(c.State), string(document)); err != nil {
		return sanitize(fmt.Errorf("write certificate: %w", err))
	}
	return nil
}

// setState moves the certificate on. Publishing stamps the time too.
func setState(ctx context.Context, conn *pgx.Conn, state State, published time.Time) error {
	const write = `UPDATE lethe.certificate SET state = $1, published_at = coalesce($2, published_at)`
	var at *time.Time
	if !published.IsZero() {
		at = &published
	}
	tag, err := conn.Exec(ctx, write, string(state), at)
	if err != nil {
		return sanitize(fmt.Errorf("write certificate: %w", err))
	}
	if tag.RowsAffected() != 1 {
		return errNoCertificate
	}
	return nil
}
