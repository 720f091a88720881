package cli

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lethedb/lethe/internal/buildinfo"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// saved is what is kept of a run whose rows have all arrived, so that another process can go on with it. It
// holds names, sizes and digests, no value of a row.
type saved struct {
	Version string
	Landed  refresh.Landed
	// Masked and Kept are how many columns the plan masks and keeps; Accepted are all of them.
	Masked, Kept int
	Accepted     []string
	Findings     finding.List
	// Config is what of the configuration decided the build before its last row had arrived.
	Config frozen
	// Tools wrote the schema's archive and read it.
	Tools pg.Tools
}

// savedFiles is the directory beside the state file that holds what was kept of one run: its order, and the
// schema's archive, which may spell secrets and so is for its owner alone.
type savedFiles struct{ dir string }

const (
	savedOrder  = "order"
	savedSchema = "schema.dump"
)

// savedFor returns where a run of an environment is kept.
func savedFor(cfg *config.Config, env, run string) savedFiles {
	return savedFiles{filepath.Join(savedRoot(cfg), env+"__"+run)}
}

func savedRoot(cfg *config.Config) string { return cfg.State + ".landed" }

// write keeps the run. The directory takes its name last, so that it is there as a whole or not at all.
func (f savedFiles) write(s *saved) (err error) {
	s.Version = buildinfo.Version()
	if err := os.MkdirAll(filepath.Dir(f.dir), 0o700); err != nil {
		return fmt.Errorf("keep the run for resuming: %w", err)
	}
	making, err := os.MkdirTemp(filepath.Dir(f.dir), ".making-") // 0700
	if err != nil {
		return fmt.Errorf("keep the run for resuming: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("keep the run for resuming: %w", err), os.RemoveAll(making))
		}
	}()
	if err := pg.CopyArchive(filepath.Join(making, savedSchema), s.Landed.Order.Schema); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(making, savedOrder), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(gob.NewEncoder(out).Encode(s), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(making, f.dir)
}

// read returns the run that was kept, with the schema's archive where it is now.
func (f savedFiles) read() (*saved, error) {
	in, err := os.Open(filepath.Join(f.dir, savedOrder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refused("not-resumable", errors.New("nothing is kept of this run: its rows had not all arrived, it was finished, or another machine ran it"),
			"start a new one: lethe refresh")
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept run: %w", err)
	}
	defer func() { _ = in.Close() }()
	var s saved
	if err := gob.NewDecoder(in).Decode(&s); err != nil {
		return nil, fmt.Errorf("read the kept run: %w", err)
	}
	if s.Version != buildinfo.Version() {
		return nil, refused("not-resumable", fmt.Errorf("the run was begun by version %s of lethe, and this is %s", s.Version, buildinfo.Version()),
			"resume it with that version, or start a new one: lethe refresh")
	}
	s.Landed.Order.Schema = filepath.Join(f.dir, savedSchema)
	return &s, nil
}

// forgetSaved removes what is kept of runs of an environment: none of them can be resumed any more. It is
// called by the holder of the environment's lock.
func forgetSaved(cfg *config.Config, env string) error {
	kept, err := os.ReadDir(savedRoot(cfg))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	own := regexp.MustCompile(`^` + regexp.QuoteMeta(env) + `__[0-9a-z]+$`)
	for _, entry := range kept {
		if own.MatchString(entry.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(savedRoot(cfg), entry.Name())))
		}
	}
	_ = os.Remove(savedRoot(cfg)) // other environments' runs, or one that is being kept, may be in it
	return errors.Join(errs...)
}

// runName is what runs are called; anything else would lead to another directory.
func runName(name string) bool { return regexp.MustCompile(`^[0-9a-z]{13}$`).MatchString(name) }
