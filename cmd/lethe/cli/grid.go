package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// gap is the space between two columns.
const gap = 2

// narrowest is what a column is never cut below: less than this says nothing.
const narrowest = 8

// grid draws a table without borders on stdout: the header underlined, numbers to the right. On a terminal
// the widest columns give way until a row fits on a line; elsewhere nothing is cut.
func (a *app) grid(w io.Writer, header table.Row, right []int, rows []table.Row, footer table.Row) {
	if a.OutTerminal {
		fit(a.Width, header, rows, footer)
	}
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true, SeparateFooter: footer != nil}
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	t.SetStyle(style)
	t.AppendHeader(header)
	t.AppendRows(rows)
	if footer != nil {
		t.AppendFooter(footer)
	}
	configs := make([]table.ColumnConfig, 0, len(right))
	for _, n := range right {
		configs = append(configs, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	// The padding after the last column would wrap on a terminal, and is noise in a file.
	for line := range strings.Lines(t.Render()) {
		line = strings.TrimRight(line, " \n")
		if rest, ok := strings.CutSuffix(line, strings.Repeat("─", gap)); ok {
			line = rest
		}
		fmt.Fprintln(w, line)
	}
}

// fit cuts cells, in place, so that a row is at most width wide: always the widest column first,
// the first column only when it takes more than half.
func fit(width int, header table.Row, rows []table.Row, footer table.Row) {
	all := append([]table.Row{header}, rows...)
	if footer != nil {
		all = append(all, footer)
	}
	widths := make([]int, len(header))
	total := gap * (len(header) - 1)
	for _, row := range all {
		for i := range row {
			widths[i] = max(widths[i], text.LongestLineLen(fmt.Sprint(row[i])))
		}
	}
	for _, n := range widths {
		total += n
	}
	for ; total > width; total-- {
		widest := min(1, len(widths)-1)
		for i, n := range widths {
			// The first column names the row and gives way last.
			if (i > 0 || n > width/2) && n > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrowest {
			break
		}
		widths[widest]--
	}
	for _, row := range all {
		for i := range row {
			if s := fmt.Sprint(row[i]); text.LongestLineLen(s) > widths[i] {
				row[i] = text.Snip(s, widths[i], "…")
			}
		}
	}
}

// wrap breaks every line of s that is wider than width at its spaces; what follows is indented by hang
// spaces. A word that is wider than a line stays whole, so that it can still be copied.
func wrap(s string, width, hang int) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = wrapLine(line, width, hang)
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width, hang int) string {
	if text.StringWidthWithoutEscSequences(line) <= width {
		return line
	}
	var b strings.Builder
	at, begun := 0, false
	for i, word := range strings.Split(line, " ") {
		n := text.StringWidthWithoutEscSequences(word)
		switch {
		case i == 0:
		case begun && at+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", hang))
			at = hang
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
		begun = begun || n > 0
	}
	return b.String()
}

// counted writes a number with its noun: 1 table, 2 tables, 1,000 tables.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return countText(int64(n)) + " " + noun + "s"
}
