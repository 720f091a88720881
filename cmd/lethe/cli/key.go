package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/secret"
	"github.com/lethedb/lethe/internal/state"
)

type keyDocument struct {
	ID string `json:"id"`
	// From says where the key is fetched from, or the file it was written to.
	From string `json:"from"`
	// Since is when this machine first used it; zero when it never has.
	Since time.Time `json:"since,omitzero"`
	// Signing is the public key that this installation signs by; Trusted are those whose signatures count.
	Signing string   `json:"signing,omitempty"`
	Trusted []string `json:"trusted,omitempty"`
	// Replaced is the id of the key that stood there before.
	Replaced string `json:"replaced,omitempty"`
	// Old is the file that the replaced key was moved to.
	Old string `json:"old,omitempty"`
}

func (a *app) keyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "key",
		Short: "Make, name and replace the masking key; its value is never shown",
		Long: `One masking key decides every mapping: the same key gives the same copy
tomorrow, another key an unrelated one. It is 32 bytes, kept where keys:
{masking: …} in lethe.yaml says.

A key has an id, derived from it, that tells keys apart and says nothing else.
Only the id is shown.`,
		Example: "  lethe key generate masking.key\n  lethe key show\n  lethe key rotate",
	}
	command.AddCommand(
		&cobra.Command{
			Use: "generate FILE", Short: "Write a new key to FILE, which must not exist (mode 0600)",
			Long: `Writes 32 random bytes as hexadecimal digits. A file that exists is never
touched: the copies made with the key in it could not be made again.`,
			Example: "  lethe key generate masking.key",
			Args:    exactly(1, "the file to write"),
			RunE:    func(_ *cobra.Command, args []string) error { return a.generateKey(args[0]) },
		},
		&cobra.Command{
			Use: "show", Short: "Print the id of the key in use, where it comes from, and its age",
			Example: "  lethe key show\n  lethe key show --json | jq -r .id",
			Args:    exactly(0, "no arguments"), ValidArgsFunction: cobra.NoFileCompletions,
			RunE: func(c *cobra.Command, _ []string) error { return a.showKey(c) },
		},
		&cobra.Command{
			Use: "rotate", Short: "Replace the key file by a new key and keep the old one beside it",
			Long: `Moves the key file to FILE.OLD-ID and writes a new key in its place. The next
refresh of every environment then maps every value anew: joins between copies
made before and after are lost.

A key that comes from the environment or a command is rotated where it is kept:
lethe says how.`,
			Example: "  lethe key rotate\n  lethe plan staging     says what the new key changes",
			Args:    exactly(0, "no arguments"), ValidArgsFunction: cobra.NoFileCompletions,
			RunE: func(c *cobra.Command, _ []string) error { return a.rotateKey(c) },
		},
	)
	return needsVerb(command)
}

// writeKey writes a new key to a file that must not exist.
func writeKey(path string) (derive.MaskingKey, error) {
	text, err := secret.WriteKey(path, rand.Reader)
	if err != nil {
		return derive.MaskingKey{}, usageError("cannot-write", err, "")
	}
	return derive.ParseMaskingKey(text.Reveal())
}

func (a *app) generateKey(path string) error {
	key, err := writeKey(path)
	if err != nil {
		return err
	}
	return a.print(keyDocument{ID: key.ID(), From: "file " + path}, func(w io.Writer) {
		a.tell(w, 2, "key %s written to %s", key.ID(), path)
		a.talk("use it: keys: {masking: {file: %s}} in lethe.yaml. Keep it as you keep production's passwords.", path)
	})
}

func (a *app) showKey(c *cobra.Command) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	if cfg.Keys.Ephemeral {
		return a.print(keyDocument{From: "ephemeral"}, func(w io.Writer) {
			fmt.Fprintln(w, "ephemeral: a new key for each run, never written")
		})
	}
	key, err := a.maskingKey(c.Context(), cfg)
	if err != nil {
		return err
	}
	if key == nil {
		return noKey(cfg)
	}
	doc := keyDocument{ID: key.ID(), From: cfg.Keys.Masking.String()}
	if err := a.showSigning(c.Context(), cfg, key, &doc); err != nil {
		return err
	}
	if doc.Since, err = a.keySince(c, cfg, doc.ID); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) {
		age := "never used on this machine"
		if !doc.Since.IsZero() {
			age = "in use since " + doc.Since.Format(time.DateOnly) + " (" + durationText(a.Now().Sub(doc.Since)) + ")"
		}
		a.tell(w, 2, "key %s from %s, %s", doc.ID, doc.From, age)
		a.tell(w, 2, "signs as %s", doc.Signing)
		for _, public := range doc.Trusted {
			a.tell(w, 2, "trusts %s", public)
		}
	})
}

// showSigning adds the public keys: who we sign as, and whom we trust.
func (a *app) showSigning(ctx context.Context, cfg *config.Config, masking *derive.MaskingKey, doc *keyDocument) error {
	signing, err := a.signingKey(ctx, cfg, masking)
	if err != nil {
		return err
	}
	doc.Signing = signing.Public().String()
	keys, err := trusted(cfg)
	for _, key := range keys {
		doc.Trusted = append(doc.Trusted, key.String())
	}
	return err
}

func noKey(cfg *config.Config) error {
	return usageError("no-key", fmt.Errorf("%s names no masking key", cfg.File),
		"make one with: lethe key generate masking.key, then add keys: {masking: {file: masking.key}}")
}

// keySince returns when the key was first used here, zero when never.
func (a *app) keySince(c *cobra.Command, cfg *config.Config, id string) (time.Time, error) {
	if !exists(cfg.State) {
		return time.Time{}, nil // looking makes no files
	}
	store, err := state.Open(c.Context(), cfg.State)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = store.Close() }()
	keys, err := store.Keys(c.Context())
	if err != nil {
		return time.Time{}, err
	}
	for _, k := range keys {
		if k.ID == id {
			return k.FirstSeen, nil
		}
	}
	return time.Time{}, nil
}

// sameFile reports whether both names are of one file, as a rotation leaves them that was interrupted.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (a *app) rotateKey(c *cobra.Command) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	path := cfg.Keys.Masking.File
	if path == "" {
		return usageError("key-not-in-file", fmt.Errorf("rotate the key: it comes from %s", cfg.Keys.Masking),
			"make a new one with: lethe key generate FILE, put it where the old one is kept, and remove FILE")
	}
	old, err := a.maskingKey(c.Context(), cfg)
	if err != nil {
		return err
	}
	// Written beside and renamed, so that a reader finds the old key or the new one, never half of one.
	fresh, kept := path+".new", path+"."+old.ID()
	key, err := writeKey(fresh)
	if err != nil {
		return err
	}
	if err := os.Link(path, kept); err != nil && !sameFile(path, kept) {
		return errors.Join(usageError("cannot-write", fmt.Errorf("keep the old key: %w", err), "move that file away"), os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("replace the key: %w", err)
	}
	doc := keyDocument{ID: key.ID(), From: cfg.Keys.Masking.String(), Replaced: old.ID(), Old: kept}
	return a.print(doc, func(w io.Writer) {
		a.tell(w, 2, "key %s replaces %s, which is kept in %s", doc.ID, doc.Replaced, doc.Old)
		a.talk("the next refresh of each environment maps every value anew; see: lethe plan ENV")
	})
}
