package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/secret"
	"github.com/lethedb/lethe/rules"
)

// loadConfig reads the configuration; anything wrong with it is status 2, all of it at once.
func (a *app) loadConfig() (*config.Config, error) {
	cfg, found := config.Load(a.config)
	if found.HasErrors() {
		return nil, refusedBy(statusUsage, "read "+a.config, found)
	}
	a.showFindings(found)
	return cfg, nil
}

// environment returns the environment of that name.
func environment(cfg *config.Config, name string) (config.Environment, error) {
	env, ok := cfg.Environments[name]
	if !ok {
		return env, usageError("unknown-environment", fmt.Errorf("no environment is called %q", name),
			"name one of: "+strings.Join(slices.Sorted(maps.Keys(cfg.Environments)), ", "))
	}
	return env, nil
}

// soleEnvironment returns the named environment, or the only one there is when name is "".
func soleEnvironment(cfg *config.Config, name string) (config.Environment, error) {
	if name != "" {
		return environment(cfg, name)
	}
	if len(cfg.Environments) == 1 {
		for _, env := range cfg.Environments {
			return env, nil
		}
	}
	return config.Environment{}, usageError("which-environment", errors.New("there are several environments"),
		"name one of: "+strings.Join(slices.Sorted(maps.Keys(cfg.Environments)), ", "))
}

// loadRules reads the rules and checks all that needs no server; anything wrong is status 2.
func (a *app) loadRules(path string) (*rules.File, *anonymize.Registry, error) {
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		return nil, nil, fmt.Errorf("list masks: %w", err)
	}
	file, found := rules.Parse(path, os.ReadFile)
	if !found.HasErrors() {
		found = append(found, file.CheckMasks(registry)...)
	}
	if found.HasErrors() {
		return nil, nil, refusedBy(statusUsage, "read "+path, found)
	}
	a.showFindings(found)
	return file, registry, nil
}

// secrets returns who fetches secrets for this process.
func (a *app) secrets() secret.Resolver { return secret.NewResolver(a.Env) }

// resolve fetches a secret; one that cannot be had is status 2.
func (a *app) resolve(ctx context.Context, ref secret.Ref, what string, place finding.Place) (secret.String, error) {
	value, err := a.secrets().Resolve(ctx, ref)
	if err != nil {
		where := ""
		if place.File != "" {
			where = place.String() + ": "
		}
		return secret.String{}, usageError("missing-secret", fmt.Errorf("%sread %s: %w", where, what, err), "")
	}
	return value, nil
}

// keyOfOneRun draws a key that is kept nowhere.
func keyOfOneRun() *derive.MaskingKey {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never errs: the runtime ends the process instead
	key := derive.MaskingKeyOf(raw)
	return &key
}

// maskingKey fetches or makes the masking key; nil when the configuration names none.
func (a *app) maskingKey(ctx context.Context, cfg *config.Config) (*derive.MaskingKey, error) {
	if cfg.Keys.Ephemeral {
		return keyOfOneRun(), nil
	}
	if cfg.Keys.Masking.IsZero() {
		return nil, nil
	}
	text, err := a.resolve(ctx, cfg.Keys.Masking, "the masking key", cfg.Keys.Place)
	if err != nil {
		return nil, err
	}
	key, err := derive.ParseMaskingKey(text.Reveal())
	if err != nil {
		return nil, usageError("bad-key", fmt.Errorf("read the masking key from %s: %w", cfg.Keys.Masking, err),
			"make one: lethe key generate FILE")
	}
	return &key, nil
}
