package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/config"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
	"github.com/lethedb/lethe/rules"
)

// preflight asks both servers for everything that would stop a refresh by this plan, and picks the
// programs that fit both. It writes nothing.
func (a *app) preflight(ctx context.Context, p *passage, source *pg.Source, plan *rules.Plan) (finding.List, pg.Tools, error) {
	facts := preflight.Facts{Catalog: plan.Catalog, Read: readBy(plan), Revive: revivals(p.env), Without: p.env.Without.Extensions}
	for _, t := range p.env.Tolerate {
		facts.Tolerate = append(facts.Tolerate, preflight.Named{Name: t.Name, Place: t.Place})
	}
	from, err := source.Facts(ctx, plan.Catalog, facts.Read, dropped(plan))
	if err != nil {
		return nil, pg.Tools{}, fmt.Errorf("look at source %s: %w", p.from.Name, err)
	}
	facts.Source = &from
	options := environmentOptions(a, p.env, p.target)
	options.Run = p.run
	p.roles = work.Roles{Map: p.env.Roles.Map, Drop: p.env.Roles.Drop}
	if !slices.Contains(from.Owners, from.Role) {
		p.roles.Reader = from.Role // what it may read, it reads for us
	}
	facts.Roles = p.roles
	near, err := pg.Standing(ctx, options, p.source.Reveal())
	if err != nil {
		return nil, pg.Tools{}, fmt.Errorf("look at environment %s: %w", p.env.Name, err)
	}
	if pg.IsProduction(near) {
		return near, pg.Tools{}, nil // any other advice about that database would help to replace it
	}
	to, err := pg.TargetFacts(ctx, options, plan.Catalog, from, p.roles)
	if err != nil {
		return nil, pg.Tools{}, fmt.Errorf("look at environment %s: %w", p.env.Name, err)
	}
	facts.Target = &to
	p.flat = slices.ContainsFunc(from.Tablespaces, func(name string) bool { return !slices.Contains(to.Tablespaces, name) })
	tools, found := p.toolsFor(from.Major(), to.Major(), from.Numbered)
	found = append(found, preflight.Judge(facts)...)
	found = append(found, near...)
	if p.status != nil && p.status.Hold != nil {
		found = append(found, finding.Finding{Code: "held", Object: p.env.Name, Message: "the environment is held " + holdText(p.status.Hold),
			Fix: "wait, or end it: lethe env release " + p.env.Name})
	}
	own, err := retainable(ctx, p, plan, options)
	if err != nil {
		return nil, pg.Tools{}, err
	}
	found = append(found, own...)
	found.Sort()
	return found, tools, nil
}

// retainable asks the serving database whether the environment's own rows fit into what is to be built.
func retainable(ctx context.Context, p *passage, plan *rules.Plan, options pg.TargetOptions) (finding.List, error) {
	if p.status == nil || plan.Err() != nil { // which is told elsewhere
		return nil, nil
	}
	tables, err := plan.Order()
	if err != nil {
		return nil, err
	}
	return pg.CheckRetain(ctx, options, tables)
}

// revivals lists what may live on the copy.
func revivals(env config.Environment) []preflight.Named {
	var named []preflight.Named
	for _, r := range env.Revive {
		named = append(named, preflight.Named{Name: r.Name, Place: r.Place})
	}
	return named
}

// readBy lists the tables whose rows a plan reads.
func readBy(plan *rules.Plan) []catalog.Name {
	var read []catalog.Name
	for _, t := range plan.Tables {
		if t.Rows == rules.RowsAll || t.Rows == rules.RowsWhere {
			read = append(read, t.Table.Name)
		}
	}
	return read
}

// dropped lists the tables that do not arrive at all.
func dropped(plan *rules.Plan) []catalog.Name {
	var names []catalog.Name
	for _, t := range plan.Tables {
		if t.Rows == rules.RowsDropped {
			names = append(names, t.Table.Name)
		}
	}
	return names
}

// grants prints the SQL for two roles that can do a refresh and little else.
func (a *app) grants(ctx context.Context, name string) error {
	p, done, err := a.prepare(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	source, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	c, err := source.Catalog(ctx)
	if err != nil {
		return fmt.Errorf("read the catalog of %s: %w", p.from.Name, err)
	}
	database, err := pg.DatabaseOf(p.target.Reveal())
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.Out, preflight.Grants(c, preflight.GrantOptions{
		Environment: database, Maintenance: p.env.Target.Maintenance, Slots: p.env.Slots != nil, Watch: p.from.StopWhen.Place.Line > 0,
	}))
	return err
}
