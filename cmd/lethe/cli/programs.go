package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/child"
	"github.com/lethedb/lethe/internal/config"
)

// allowedProgram is a program that lethe.yaml lets see values.
type allowedProgram struct{ config.Allowed }

// allowedPrograms are those that masks may have values masked by, each looked at: one that is not what was allowed is a
// mistake of the configuration.
func allowedPrograms(cfg *config.Config) (map[string]anonymize.Program, error) {
	all := map[string]anonymize.Program{}
	for _, allowed := range cfg.AllowCustom {
		p := allowedProgram{allowed}
		if err := p.check(); err != nil {
			return nil, usageError("bad-program", fmt.Errorf("%s: %w", allowed.Place, err), "look at the program, then write its digest: sha256sum "+allowed.Path)
		}
		all[allowed.Path] = p
	}
	return all, nil
}

// check compares the program with what was allowed.
func (p allowedProgram) check() (err error) {
	file, err := os.Open(p.Path)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("the program %s is not the one that was allowed: its digest is another", p.Path)
	}
	return nil
}

// Start implements anonymize.Program. The program sees none of our environment.
func (p allowedProgram) Start(arguments []string) (anonymize.Answers, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return child.StartLines(child.Command{Argv: append([]string{p.Path}, arguments...), Dir: "/", Timeout: p.Timeout})
}
