package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/pgserver"
	"github.com/lethedb/lethe/internal/secret"
	"github.com/lethedb/lethe/internal/work"
	"github.com/lethedb/lethe/rules"
)

// passage is one way from a source to an environment, all that needs no server decided: who, from where,
// to where, by which rules and key. Its secrets never print.
type passage struct {
	cfg      *config.Config
	env      config.Environment
	from     config.Source
	file     *rules.File
	registry *anonymize.Registry
	key      *derive.MaskingKey
	signing  *ledger.SigningKey
	source   secret.String
	target   secret.String
	// revive is what of the source's wiring may live on the copy, secrets among its options.
	revive []pg.Revival
	// roles says under which names the source's roles arrive, once both servers were looked at.
	roles work.Roles
	// flat reports that the target lacks a tablespace of the source's, so that none is used.
	flat bool
	run  string
	dir  string
	// accepted are the columns of the catalog that was last accepted; nil when none was.
	accepted map[string]bool
	// status is how the environment stands; nil when it was never adopted.
	status *pg.Status
	// allowed are the programs that masks may have values masked by.
	allowed map[string]anonymize.Program
	// programs are the PostgreSQL installations of this machine, newest first.
	programs []pgserver.Binaries
}

// prepare decides everything that needs no server. What is wrong is status 2. The returned function
// removes the run's private directory.
func (a *app) prepare(ctx context.Context, name string) (p *passage, done func(), err error) {
	p = &passage{}
	if p.cfg, err = a.loadConfig(); err != nil {
		return nil, nil, err
	}
	if p.env, err = soleEnvironment(p.cfg, name); err != nil {
		return nil, nil, err
	}
	p.from = p.cfg.Sources[p.env.From]
	if err := a.checkNamed(p.env); err != nil {
		return nil, nil, err
	}
	if p.file, p.registry, err = a.loadRules(p.cfg.Rules); err != nil {
		return nil, nil, err
	}
	if p.allowed, err = allowedPrograms(p.cfg); err != nil {
		return nil, nil, err
	}
	if p.key, err = a.maskingKey(ctx, p.cfg); err != nil {
		return nil, nil, err
	}
	if p.signing, err = a.signingKey(ctx, p.cfg, p.key); err != nil {
		return nil, nil, err
	}
	if p.source, err = a.resolve(ctx, p.from.DSN, "the connection string of source "+p.from.Name, p.from.Place); err != nil {
		return nil, nil, err
	}
	if p.target, err = a.resolve(ctx, p.env.Target.DSN, "the connection string of environment "+p.env.Name, p.env.Target.Place); err != nil {
		return nil, nil, err
	}
	if p.revive, err = a.revived(ctx, p.env); err != nil {
		return nil, nil, err
	}
	if p.programs, err = pgserver.Find(ctx, a.Env); err != nil {
		return nil, nil, fmt.Errorf("find PostgreSQL's programs: %w", err)
	}
	if p.run, err = a.newRun(); err != nil {
		return nil, nil, err
	}
	dir, remove, err := privateDirectory()
	if err != nil {
		return nil, nil, err
	}
	p.dir = dir
	return p, remove, nil
}

// revived fetches the options of what may live on the copy.
func (a *app) revived(ctx context.Context, env config.Environment) ([]pg.Revival, error) {
	var all []pg.Revival
	for _, r := range env.Revive {
		revival := pg.Revival{Name: r.Name, Options: maps.Clone(r.Options)}
		for name, ref := range r.Secrets {
			value, err := a.resolve(ctx, ref, "option "+name+" of "+r.Name, r.Place)
			if err != nil {
				return nil, err
			}
			if revival.Options == nil {
				revival.Options = make(map[string]string)
			}
			revival.Options[name] = value.Reveal()
		}
		all = append(all, revival)
	}
	return all, nil
}

// recall remembers which columns were accepted when the environment was published last. An environment
// that was never published, or never adopted, has accepted none; what else is wrong with it is found later.
func (p *passage) recall(ctx context.Context, a *app) error {
	status, err := pg.Inspect(ctx, environmentOptions(a, p.env, p.target))
	if _, ok := errors.AsType[*pg.RefusedError](err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at environment %s: %w", p.env.Name, err)
	}
	p.status = &status
	if status.Certificate == nil || len(status.Certificate.Accepted) == 0 {
		return nil
	}
	var columns []string
	if err := json.Unmarshal(status.Certificate.Accepted, &columns); err != nil {
		return fmt.Errorf("read the certificate of environment %s: %w", p.env.Name, err)
	}
	p.accepted = make(map[string]bool, len(columns))
	for _, column := range columns {
		p.accepted[column] = true
	}
	return nil
}

// open connects to the source.
func (p *passage) open(ctx context.Context) (*pg.Source, error) {
	source, err := pg.OpenSource(ctx, pg.SourceOptions{
		Name: p.from.Name, DSN: p.source.Reveal(), Run: p.run, Dir: p.dir,
		Connections: p.from.Connections, Rate: p.from.Rate, YieldAfter: p.from.YieldAfter, MaxSnapshotAge: p.from.MaxSnapshotAge,
		StopWhen: pg.StopWhen{
			ReplicationLag: p.from.StopWhen.ReplicationLag, ActiveSessions: p.from.StopWhen.ActiveSessions, Lasts: p.from.StopWhen.Lasts,
		},
	})
	if err != nil {
		return nil, err // it names the source
	}
	return source, nil
}

// compile decides every column of the catalog. Findings of severity error come back as a refusal,
// together with the plan, which can still be explained.
func (p *passage) compile(c *catalog.Catalog, needKey bool) (*rules.Plan, finding.List) {
	options := rules.Options{Key: p.key, RunKey: keyOfOneRun(), Programs: p.allowed, NeedKey: needKey, Undecided: rules.Undecided(p.env.Undecided)}
	if p.accepted != nil {
		options.Accepted = func(column string) bool { return p.accepted[column] }
	}
	plan, found := rules.Compile(p.file, c, p.registry, options)
	found.Sort()
	return plan, found
}

// conditions asks the source whether the SQL in the rules can be read: conditions on rows, and how columns are computed
// again. A source that does not answer has said nothing about them.
func conditions(ctx context.Context, source *pg.Source, plan *rules.Plan) (finding.List, error) {
	var found finding.List
	for i := range plan.Tables {
		table := &plan.Tables[i]
		if table.Rows == rules.RowsWhere {
			err := source.CheckWhere(ctx, table.Table.Name, table.Where)
			if server, ok := errors.AsType[*pg.ServerError](err); err != nil && (!ok || transient(server.Code)) {
				return nil, err
			}
			if err != nil {
				found = append(found, finding.Finding{
					Code: "bad-condition", Object: table.Table.Name.String(), Message: "the condition on the rows cannot be read: " + err.Error(),
					Fix: "correct rows: {where: …} of this table",
				})
			}
		}
		for _, r := range table.Read().Recompute {
			problem, err := recomputable(ctx, source, table.Table.Name, r)
			if err != nil {
				return nil, err
			}
			if problem != nil {
				found = append(found, *problem)
			}
		}
	}
	return found, nil
}

// recomputable asks the source whether a column can be computed in the way that a rule says.
func recomputable(ctx context.Context, source *pg.Source, table catalog.Name, r work.Recompute) (*finding.Finding, error) {
	if r.Trigger != "" {
		triggers, err := source.UpdateTriggers(ctx, table)
		if err != nil || slices.Contains(triggers, r.Trigger) {
			return nil, err
		}
		fix := "compute the column by an expression: {mask: recompute, as: …}"
		if len(triggers) > 0 {
			fix = "name one of " + strings.Join(triggers, ", ") + ", or compute the column by an expression (as:)"
		}
		return &finding.Finding{
			Code: "bad-recompute", Object: table.Column(r.Column), Fix: fix,
			Message: fmt.Sprintf("the table has no trigger %q that runs before each row is updated", r.Trigger),
		}, nil
	}
	err := source.CheckWhere(ctx, table, "("+r.As+"\n) IS NULL")
	if server, ok := errors.AsType[*pg.ServerError](err); err == nil || !ok || transient(server.Code) {
		return nil, err
	}
	return &finding.Finding{
		Code: "bad-recompute", Object: table.Column(r.Column), Message: "the expression cannot be read: " + err.Error(),
		Fix: "correct as: of this column, and write the schema of every function and table that is not pg_catalog's",
	}, nil
}

// targetOptions says how the environment is built and published.
func (p *passage) targetOptions(a *app, tools pg.Tools) pg.TargetOptions {
	options := environmentOptions(a, p.env, p.target)
	options.Run, options.Dir, options.Tools = p.run, p.dir, tools
	options.Jobs, options.Revive, options.SearchPath = p.jobs(), p.revive, p.env.PostData.SearchPath
	for _, t := range p.env.Tolerate {
		options.Tolerate = append(options.Tolerate, t.Name)
	}
	return options
}

// leastJobs is how many there are by default even on one core: while one waits for a server, another works.
const leastJobs = 2

// jobs is how many parts are copied, and how many indexes and constraints built, at once. What the servers
// have to spare nobody can ask them, so the default follows this machine, and never asks more of the source
// than its connections allow.
func (p *passage) jobs() int {
	n := p.env.Jobs
	if n == 0 {
		n = max(leastJobs, runtime.GOMAXPROCS(0))
	}
	// Of those, one keeps the lookout, one holds the snapshot, and one at least holds locks.
	return max(1, min(n, p.from.Connections-3))
}

// columnsOf lists every column of a catalog as rules name them.
func columnsOf(c *catalog.Catalog) []string {
	var columns []string
	for _, table := range c.Tables {
		for _, column := range table.Columns {
			columns = append(columns, table.Name.Column(column.Name))
		}
	}
	return columns
}

// toolsFor picks pg_dump and pg_restore of one major that fits both servers, or says what to install.
func (p *passage) toolsFor(source, target int, numbered bool) (pg.Tools, finding.List) {
	binaries, err := pgserver.ClientTools(p.programs, source, target, numbered)
	if err != nil {
		return pg.Tools{}, finding.List{{Code: "no-tools", Message: err.Error()}}
	}
	return pg.Tools{PgDump: binaries.Program("pg_dump"), PgRestore: binaries.Program("pg_restore")}, nil
}

// guard refuses a target that is its own source, and what only a recorded reason allows.
func guard(ctx context.Context, target *pg.Target, source secret.String) error {
	err := target.Guard(ctx, source.Reveal())
	var no *pg.RefusedError
	if errors.As(err, &no) {
		return refusedBy(statusRefused, "compare source and target", no.Findings)
	}
	return err
}
