package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/ledger"
)

// signingLabel separates the signing key that is derived from a masking key from every other use of it.
const signingLabel = "sign"

// signingKey fetches the signing key, or derives it from the masking key; nil when there is neither, and
// for an ephemeral masking key, whose signature nobody could ever check.
func (a *app) signingKey(ctx context.Context, cfg *config.Config, masking *derive.MaskingKey) (*ledger.SigningKey, error) {
	switch {
	case !cfg.Keys.Signing.IsZero():
		text, err := a.resolve(ctx, cfg.Keys.Signing, "the signing key", cfg.Keys.Place)
		if err != nil {
			return nil, err
		}
		key, err := ledger.ParseSigningKey(text.Reveal())
		if err != nil {
			return nil, usageError("bad-key", fmt.Errorf("read the signing key from %s: %w", cfg.Keys.Signing, err), "make one: lethe key generate FILE")
		}
		return &key, nil
	case masking == nil || cfg.Keys.Ephemeral:
		return nil, nil
	}
	key, err := ledger.NewSigningKey(masking.Subkey(signingLabel, 32))
	if err != nil {
		return nil, fmt.Errorf("derive the signing key: %w", err)
	}
	return &key, nil
}

// trusted reads the public keys of those whose signatures count.
func trusted(cfg *config.Config) ([]ledger.PublicKey, error) {
	keys := make([]ledger.PublicKey, 0, len(cfg.Keys.Trusted))
	for _, path := range cfg.Keys.Trusted {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, usageError("missing-file", fmt.Errorf("%s: read a trusted key: %w", cfg.Keys.Place, err), "")
		}
		key, err := ledger.ParsePublicKey(string(text))
		if err != nil {
			return nil, usageError("bad-key", fmt.Errorf("read the trusted key in %s: %w", path, err), "")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// verdicts is what a certificate says of the checks a build passed, and how far the ledger had come when
// it did: a ledger that is cut short later does not reach the head signed here.
type verdicts struct {
	Counts  string             `json:"counts"`
	Objects string             `json:"objects"`
	Ledger  *ledger.SignedHead `json:"ledger,omitempty"`
}

// certify returns the verdicts of a build that passed every check.
func (r *record) certify(ctx context.Context, key *ledger.SigningKey) (json.RawMessage, error) {
	v := verdicts{Counts: "passed", Objects: "passed"}
	if key != nil {
		head, err := r.ledger.Head(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the ledger's head: %w", err)
		}
		signed := ledger.SignHead(*key, head, r.app.Now().UTC())
		v.Ledger = &signed
	}
	return json.Marshal(v)
}
