package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lethedb/lethe/internal/pg"
	"github.com/lethedb/lethe/internal/work"
)

// most is how many tables the summary lists; the rest is one line.
const most = 20

func (a *app) showRefresh(w io.Writer, d *refreshDocument) {
	rows := make([]table.Row, 0, most+1)
	for _, t := range largest(d.Tables, most) {
		rows = append(rows, table.Row{printable(t.Table.String()), countText(t.Rows), bytesText(t.Bytes), durationText(time.Duration(t.Milliseconds) * time.Millisecond)})
	}
	if len(d.Tables) > most {
		rows = append(rows, table.Row{"and " + counted(len(d.Tables)-most, "smaller table"), "", "", ""})
	}
	a.grid(w, table.Row{"table", "rows", "size", "time"}, []int{2, 3, 4}, rows,
		table.Row{counted(len(d.Tables), "table"), countText(d.Total.Rows), bytesText(d.Total.Bytes), ""})
	fmt.Fprintln(w)
	for _, phase := range d.Phases {
		fmt.Fprintf(w, "  %-8s %s\n", phase.Phase, durationText(time.Duration(phase.Milliseconds)*time.Millisecond))
	}
	a.tell(w, 0, "\n%s masked, %s kept with a reason\ncounts and every object agree with the source's", counted(d.Masked, "column"), countText(int64(d.Kept)))
	for _, r := range d.Retained {
		dropped := ""
		if r.Dropped > 0 {
			dropped = ", " + countText(r.Dropped) + " left out for want of their parents"
		}
		a.tell(w, 0, "%s of %s's own in %s%s", counted(int(r.Rows), "row"), d.Environment, printable(r.Table.String()), dropped)
	}
	if proofs := proofsText(d.ForeignKeys); proofs != "" {
		a.tell(w, 0, "%s", proofs)
	}
	a.tell(w, 0, "production: %s", costText(d.Cost))
	if !d.Published {
		a.tell(w, 0, "%s run %s, not published; the old database serves on\nfinish it: lethe publish %s", a.paintOut(green, "built:"), d.Run, d.Environment)
		return
	}
	a.showPublication(w, d.Environment, d.Publication)
	a.tell(w, 0, "run %s, %s altogether", d.Run, durationText(time.Duration(d.Seconds*float64(time.Second))))
}

// proofsText says by what the foreign keys are known to hold; "" when there are none.
func proofsText(keys []pg.ForeignKeyReport) string {
	if len(keys) == 0 {
		return ""
	}
	how := map[pg.KeyProof]int{}
	for _, k := range keys {
		how[k.Proof]++
	}
	var said []string
	for _, way := range []struct {
		proof pg.KeyProof
		text  string
	}{
		{pg.ProofKeys, "proven by the keys that passed"}, {pg.ProofQuery, "proven by a query"},
		{pg.ProofServer, "checked by the server"}, {pg.ProofNone, "not valid at the source either"},
	} {
		if n := how[way.proof]; n > 0 {
			said = append(said, countText(int64(n))+" "+way.text)
		}
	}
	return counted(len(keys), "foreign key") + ": " + strings.Join(said, ", ")
}

// showPublication says what serves now, and what publishing cost those who were connected.
func (a *app) showPublication(w io.Writer, env string, p *pg.Publication) {
	a.tell(w, 2, "%s %s serves %s\n  %s without service, %s ended", a.paintOut(green, "published:"), p.Database, served(p.Run),
		durationText(p.Outage), counted(p.Ended, "session"))
	if p.Unretained > 0 {
		a.tell(w, 2, "its own rows are as they were %s before the change; what was written to them after that is lost", durationText(p.Unretained))
	}
	if p.Previous == "" {
		return
	}
	until := ""
	if !p.KeptUntil.IsZero() {
		until = " until " + p.KeptUntil.Local().Format("Mon 15:04")
	}
	a.tell(w, 2, "kept: %s%s\n  serve it again: lethe rollback %s", p.Previous, until, env)
}

// served names what a database holds: the data of a run, or what was there when it was adopted.
func served(run string) string {
	if run == "" {
		return "what was there when it was adopted"
	}
	return "run " + run
}

// costText says what a run cost its source.
func costText(c work.Cost) string {
	ms := func(n int64) string { return durationText(time.Duration(n) * time.Millisecond) }
	waited := "nobody was seen waiting for it"
	if c.LongestWaitMS > 0 {
		waited = "somebody waited " + ms(c.LongestWaitMS) + " for it"
	}
	text := fmt.Sprintf("%s read in %s, at most %s at once, a snapshot held for %s, %s", bytesText(c.Bytes), ms(c.Milliseconds),
		counted(c.Sessions, "session"), ms(c.SnapshotMS), waited)
	if c.PausedMS > 0 {
		text += ", paused for " + ms(c.PausedMS)
	}
	return text
}
