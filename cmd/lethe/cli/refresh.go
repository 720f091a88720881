package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/ledger"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/state"
	"github.com/lethedb/lethe/internal/work"
	"github.com/lethedb/lethe/rules"
	"github.com/lethedb/lethe/scheduler/refresh"
)

// The target is a sink; what judges it asks the server, not the memory of who built it.
var (
	_ refresh.Sink     = (*pg.Target)(nil)
	_ refresh.Schedule = (*pg.Target)(nil)
	_ refresh.Verifier = certifier{}
	_ refresh.Trial    = (*pg.Target)(nil)
	_ refresh.Sampler  = (*refresh.Masking)(nil)
)

// refreshDocument is what --json prints of a refresh.
type refreshDocument struct {
	// Retained are the environment's own rows, carried over from the database that served before.
	Retained    []pg.Retained         `json:"retained,omitempty"`
	Run         string                `json:"run"`
	Environment string                `json:"environment"`
	Source      work.Source           `json:"source"`
	Published   bool                  `json:"published"`
	Publication *pg.Publication       `json:"publication,omitempty"`
	Digests     work.Digests          `json:"digests"`
	Masked      int                   `json:"masked_columns"`
	Kept        int                   `json:"kept_columns"`
	Tables      []refresh.TableReport `json:"tables"`
	Phases      []refresh.PhaseReport `json:"phases"`
	Total       work.Count            `json:"total"`
	// Cost is what the run cost the source.
	Cost work.Cost `json:"source_cost"`
	// ForeignKeys says which way each went and by what it is known to hold.
	ForeignKeys []pg.ForeignKeyReport `json:"foreign_keys,omitempty"`
	Seconds     float64               `json:"seconds"`
	Findings    finding.List          `json:"findings,omitempty"`
}

// refreshOptions are what the command line adds to the configuration.
type refreshOptions struct {
	noPublish, keepFailed bool
	// now publishes without waiting for a window or announcing it.
	now bool
	// jobs takes the place of the environment's; 0 leaves it.
	jobs int
	// resume is the run that is gone on with, "" for a new one.
	resume string
}

func (a *app) refreshCommand() *cobra.Command {
	var o refreshOptions
	command := &cobra.Command{
		Use:   "refresh ENV",
		Short: "Build a masked copy beside the environment, verify it, publish it",
		Long: `Reads the source in one snapshot, masks every row on the way, loads a new
database beside the environment's own, verifies counts and every object, and
swaps the two in one transaction. Whatever fails before that leaves the old
database serving, untouched; so does kill -9 at any moment.`,
		Example: `  lethe refresh staging
  lethe refresh staging --no-publish    finish it later: lethe publish staging
  lethe refresh staging --now           do not wait for the window
  lethe refresh staging --resume 0t1ptbd8cekrm    rows had arrived: go on
  lethe refresh staging --json | jq .total.rows`,
		Args:              exactly(1, "the environment's name"),
		ValidArgsFunction: a.completeEnvironment,
		RunE: func(c *cobra.Command, args []string) error {
			doc, err := a.refresh(c.Context(), args[0], o)
			if err != nil && !done(err) {
				return err
			}
			return told(err, a.print(doc, func(w io.Writer) { a.showRefresh(w, doc) }))
		},
	}
	command.Flags().BoolVar(&o.noPublish, "no-publish", false, "build and verify only; lethe publish finishes it")
	command.Flags().BoolVar(&o.keepFailed, "keep-failed", false, "keep a build that fails verification, until the next run")
	command.Flags().IntVar(&o.jobs, "jobs", 0, "parts copied and indexes built at once, instead of the environment's jobs")
	command.Flags().StringVar(&o.resume, "resume", "", "go on with `RUN`, which failed after its rows had arrived, without its source")
	command.Flags().BoolVar(&o.now, "now", false, "publish as soon as it is built: wait for no window, announce nothing")
	return command
}

// refresh does one refresh and puts it on record, whatever its end.
func (a *app) refresh(ctx context.Context, name string, o refreshOptions) (*refreshDocument, error) {
	p, done, err := a.prepare(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	switch {
	case o.jobs < 0:
		return nil, usageError("wrong-flag", errors.New("--jobs is below one"), "give a number, or leave it to the configuration")
	case o.jobs > 0:
		if p.env.Jobs = o.jobs; p.jobs() < o.jobs {
			a.talk("source %s allows %d connections: %d of %d jobs are taken", p.from.Name, p.from.Connections, p.jobs(), o.jobs)
		}
	}
	record := state.Run{ID: p.run, Environment: p.env.Name, Source: p.from.Name, Kind: state.Refresh}
	if o.resume != "" {
		if !runName(o.resume) {
			return nil, usageError("wrong-flag", errors.New("--resume names no run"), "see: lethe runs")
		}
		p.run, record.Kind, record.Source, record.Resumes = o.resume, state.Resume, "", o.resume
	}
	if p.key == nil && !p.cfg.Keys.Ephemeral {
		// Rules that mask nothing by key may go on; compile tells.
		a.talk("no masking key is configured; masks that need one will be refused")
	}
	rec, err := a.begin(ctx, p.cfg, record)
	if err != nil {
		return nil, err
	}
	began := a.Now()
	r := &refreshing{app: a, passage: p, record: rec, options: o}
	r.hooks = hooks{app: a, env: p.env, run: p.run, target: p.targetOptions(a, pg.Tools{})}
	if o.resume != "" {
		err = r.resume(ctx)
	} else {
		err = r.run(ctx)
	}
	err = r.settle(err)
	switch {
	case err != nil:
		r.hooks.failed(ctx, err)
	case r.doc.Published:
		err = r.hooks.published(ctx)
	}
	r.doc.Seconds = a.Now().Sub(began).Seconds()
	return &r.doc, rec.end(ctx, r.result(), err)
}

// refreshing is the state of one refresh.
type refreshing struct {
	*app
	*passage
	options refreshOptions
	record  *record
	hooks   hooks
	plan    *rules.Plan
	tools   pg.Tools
	doc     refreshDocument
	// accepting are the columns that are accepted with this run.
	accepting []string
	// built is where the run has built, once enough is kept to go on with it; nil before.
	built *pg.Target
	// ran are the places in after: of what an earlier attempt of this run did.
	ran map[int]bool
	// complete reports that what was built may be published.
	complete bool
}

func (r *refreshing) run(ctx context.Context) error {
	r.doc = refreshDocument{Run: r.passage.run, Environment: r.env.Name}
	source, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := r.decide(ctx, source); err != nil {
		return err
	}
	target, err := r.admit(ctx, source)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	if err := r.hooks.tell(ctx, "before", r.env.Hooks.Before, ""); err != nil {
		return err
	}
	if err := forgetSaved(r.cfg, r.env.Name); err != nil { // their builds are dropped next
		return fmt.Errorf("remove what earlier runs kept: %w", err)
	}
	defer func() { r.doc.Cost = source.Cost() }()
	if err := r.build(ctx, target, refresh.Job{At: r.instant(source, target), OnLanded: r.resumable(target)}); err != nil {
		return err
	}
	// It is built or published, and an interrupt cannot make that undone.
	return r.accept(context.WithoutCancel(ctx))
}

// decide compiles the rules against the catalog as it stands; any error refuses the run.
func (r *refreshing) decide(ctx context.Context, source *pg.Source) error {
	c, err := source.Catalog(ctx)
	if err != nil {
		return fmt.Errorf("read the catalog of %s: %w", r.from.Name, err)
	}
	if err := r.recall(ctx, r.app); err != nil {
		return err
	}
	plan, found := r.compile(c, true)
	unread, err := conditions(ctx, source, plan)
	if err != nil {
		return err
	}
	found = append(found, unread...)
	if found.HasErrors() {
		return refusedBy(statusRefused, "compile "+r.file.Path(), found)
	}
	r.showFindings(found)
	r.doc.Findings = found
	r.plan, r.doc.Digests, r.accepting = plan, plan.Digests, columnsOf(plan.Catalog)
	for _, t := range plan.Tables {
		for _, column := range t.Columns {
			if column.Kept() {
				r.doc.Kept++
			} else {
				r.doc.Masked++
			}
		}
	}
	return nil
}

// admit asks both servers for everything that would stop the run, and takes the environment's lock.
func (r *refreshing) admit(ctx context.Context, source *pg.Source) (*pg.Target, error) {
	found, tools, err := r.preflight(ctx, r.passage, source, r.plan)
	if err != nil {
		return nil, err
	}
	if found.HasErrors() {
		return nil, refusedBy(statusRefused, "preflight", found)
	}
	r.showFindings(found)
	for _, f := range found {
		if f.Code == "inert" {
			r.doc.Findings = append(r.doc.Findings, f)
		}
	}
	r.tools = tools
	options := r.targetOptions(r.app, tools)
	options.KeepFailed, options.Steps = r.options.keepFailed, true
	target, err := pg.OpenTarget(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := guard(ctx, target, r.source); err != nil {
		return nil, errors.Join(err, target.Close())
	}
	return target, nil
}

// build does the job: it builds, verifies and publishes.
func (r *refreshing) build(ctx context.Context, target *pg.Target, job refresh.Job) error {
	progress := r.newProgress()
	defer progress.close()
	job.Into, job.Schedule, job.Trial, job.Verify = target, target, target, certifier{target, r.record, r.signing, r.accepting}
	job.Workers, job.Build, job.Events, job.Now = r.jobs(), r.options.noPublish, progress.event, r.Now
	job.Steps, job.Publishing = r.steps(target), r.publishing(target)
	report, err := refresh.Run(ctx, job)
	r.doc.Tables, r.doc.Phases, r.doc.Total = report.Tables, report.Phases, report.Total
	r.doc.ForeignKeys = target.ForeignKeys()
	r.doc.Findings = append(r.doc.Findings, report.Findings...)
	if err != nil {
		return r.blame(err)
	}
	r.showFindings(report.Findings)
	if !r.options.noPublish {
		publication := target.Result()
		r.doc.Published, r.doc.Publication = true, &publication
		r.showFindings(publication.Notes)
	}
	return nil
}

// instant scopes the source's locks and snapshot.
func (r *refreshing) instant(source *pg.Source, target *pg.Target) refresh.Instant {
	return func(ctx context.Context, read func(context.Context, *work.Order, refresh.Producer) error) error {
		tables, err := r.plan.Order()
		if err != nil {
			return err
		}
		var locked []catalog.Name
		// In the order of reading, so that the locks of what is read first are let go first.
		for _, t := range work.LargestFirst(tables) {
			if !t.Empty {
				locked = append(locked, t.Table.Name)
			}
		}
		return source.WithSnapshot(ctx, r.plan.Catalog, locked, func(ctx context.Context, snapshot *pg.Snapshot) (err error) {
			if err := target.ChooseForms(ctx, snapshot.Catalog().Server, tables, r.sees); err != nil {
				return err
			}
			work.ChooseWhole(tables, r.jobs())
			order, err := r.order(ctx, source, snapshot, tables)
			if err != nil {
				return err
			}
			reader := newSnapshotReader(snapshot, order)
			if n := r.plan.Gathers(locked); n > 0 {
				r.talk("%s looking at %s whose values change places", r.paint(cyan, "·"), counted(n, "column"))
			}
			gathered, err := r.plan.Gather(ctx, locked, r.dir, reader.copyAll)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, gathered.Close()) }()
			producer, err := refresh.NewMasking(reader, order, func(name catalog.Name) (*anonymize.Table, error) {
				return gathered.MaskerOf(name, formOf(order.Tables, name))
			})
			if err != nil {
				return err
			}
			return read(ctx, order, producer)
		})
	}
}

// order says what is to be built, as the snapshot has it.
func (r *refreshing) order(ctx context.Context, source *pg.Source, snapshot *pg.Snapshot, tables []work.Table) (*work.Order, error) {
	schema := filepath.Join(r.dir, "schema.dump")
	if err := snapshot.DumpSchema(ctx, r.tools, schema, dropped(r.plan)); err != nil {
		return nil, fmt.Errorf("dump the schema: %w", err)
	}
	sequences, err := snapshot.Sequences(ctx)
	if err != nil {
		return nil, fmt.Errorf("read sequences: %w", err)
	}
	var large work.LargeObjects
	if pages := r.plan.Table(catalog.LargeObjectPages()); pages != nil && pages.Rows != rules.RowsDropped {
		if large, err = snapshot.LargeObjects(ctx, pages.Rows == rules.RowsAll); err != nil {
			return nil, fmt.Errorf("list large objects: %w", err)
		}
	}
	wires, err := source.Wiring(ctx)
	if err != nil {
		return nil, err
	}
	definitions, err := snapshot.Definitions(ctx)
	if err != nil {
		return nil, err
	}
	ownership, err := snapshot.Ownership(ctx, dropped(r.plan))
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	r.doc.Source = snapshot.Source()
	return &work.Order{
		Run: r.passage.run, Environment: r.env.Name, Catalog: snapshot.Catalog(), Tables: tables, Schema: schema, Wiring: wires,
		Definitions: definitions, Sequences: sequences, LargeObjects: large,
		Ownership: ownership, Roles: r.roles, Without: r.env.Without.Extensions, Flat: r.flat,
		Source: snapshot.Source(), Digests: r.plan.Digests,
	}, nil
}

// certifier verifies, and writes the verdict and the catalog that it was given for into the certificate:
// columns that appear later are new, whatever machine asks.
type certifier struct {
	target  *pg.Target
	record  *record
	signing *ledger.SigningKey
	columns []string
}

// Verify judges what was built and certifies it.
func (c certifier) Verify(ctx context.Context, want map[catalog.Name]int64) (finding.List, error) {
	found, err := c.target.Verify(ctx, want)
	if err != nil || found.HasErrors() {
		return found, err
	}
	verdicts, err := c.record.certify(ctx, c.signing)
	if err != nil {
		return nil, err
	}
	accepted, err := json.Marshal(c.columns)
	if err != nil {
		return nil, err
	}
	return found, c.target.Certify(ctx, verdicts, accepted)
}

// accept remembers which key was used.
func (r *refreshing) accept(ctx context.Context) error {
	if r.key == nil || r.cfg.Keys.Ephemeral {
		return nil
	}
	return r.record.store.KeySeen(ctx, r.key.ID(), r.Now())
}

// result is what goes on record.
func (r *refreshing) result() state.Result {
	result := state.Result{Outcome: state.Built, Digests: r.doc.Digests, Cost: r.doc.Cost}
	for _, t := range r.doc.Tables {
		result.Tables = append(result.Tables, state.Table{
			Schema: t.Table.Schema, Name: t.Table.Name, Rows: t.Rows, Bytes: t.Bytes, Milliseconds: t.Milliseconds,
		})
	}
	for _, phase := range r.doc.Phases {
		result.Phases = append(result.Phases, state.Phase{Name: string(phase.Phase), Milliseconds: phase.Milliseconds})
	}
	if r.doc.Published {
		result.Outcome = state.Published
		result.Publication = recorded(r.doc.Publication)
	}
	return result
}

func recorded(p *pg.Publication) *state.Publication {
	return &state.Publication{Database: p.Database, Previous: p.Previous, OutageMS: p.Outage.Milliseconds(), Sessions: p.Ended}
}
