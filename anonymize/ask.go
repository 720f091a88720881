package anonymize

import (
	"errors"
	"io"
	"strconv"

	"github.com/lethedb/lethe/internal/copytext"
	"github.com/lethedb/lethe/internal/masked"
)

// Asker is a mask that has values masked by somebody else, many at a time. Its Append errs: it stands on a column
// alone, and not inside another mask.
type Asker interface {
	Mask
	// Begin begins to mask the values of one part.
	Begin() (Answers, error)
}

// Answers masks the values of one part. It is used by one goroutine; the caller closes it.
type Answers interface {
	// Ask returns the masked form of each value, nil for NULL. The values are valid until it returns.
	Ask(values [][]byte) ([][]byte, error)
	Close() error
}

const (
	// askedRows and askedBytes are how much is asked for at once.
	askedRows  = 1000
	askedBytes = 1 << 20
)

// addAsked gives every column whose mask asks somebody a column aside that brings the answer, and takes that for its
// output.
func (t *Table) addAsked() error {
	for i := range t.columns {
		asker, ok := t.columns[i].Mask.(Asker)
		if !ok {
			continue
		}
		if t.header.Format == masked.Binary {
			return errors.New("mask table " + t.header.Table.String() + ": values that a program masks travel as text alone")
		}
		t.asked = append(t.asked, asked{column: i, mask: asker})
		c := &t.columns[i]
		c.Mask, c.siblings = answered{}, []int{len(t.columns)}
		t.columns = append(t.columns, column{Column: Column{Name: "answer " + strconv.Itoa(i), Aside: true}})
	}
	return nil
}

// asked is a column whose values are masked by somebody else.
type asked struct {
	column int
	mask   Asker
}

// answered takes the answer for the output.
type answered struct{}

// Append implements Mask.
func (answered) Append(dst []byte, v Value) ([]byte, error) {
	if answer, ok := v.Row.In(0); ok {
		return append(dst, answer...), nil
	}
	return nil, nil
}

// asking looks ahead in one part: it gathers some rows, has their values masked, and passes the rows on with the
// answers behind them.
type asking struct {
	table   *Table
	next    *run
	split   *copytext.Splitter
	answers []Answers
	// rows are the raw lines that wait, without their ends; ends is where each ends.
	rows []byte
	ends []int
	// values are those of each asked column that wait, nil for NULL; texts is the memory of both.
	values [][][]byte
	text   []byte
	line   []byte
	err    error
}

func newAsking(t *Table, w io.Writer) *asking {
	return &asking{table: t, next: newRun(t, w), split: copytext.NewSplitter(len(t.columns) - len(t.asked)), values: make([][][]byte, len(t.asked)), text: make([]byte, 0, 1024)}
}

// Write takes the next chunk of the part.
func (a *asking) Write(p []byte) (int, error) {
	a.split.Feed(p)
	for a.err == nil && a.split.Next() {
		a.err = a.take()
	}
	if a.err == nil {
		a.err = a.split.Err()
	}
	return len(p), a.err
}

// take adds the current row to those that wait.
func (a *asking) take() error {
	a.rows = append(a.rows, a.split.Line()...)
	a.ends = append(a.ends, len(a.rows))
	for i, asked := range a.table.asked {
		before := len(a.text)
		// Where text grows, the values before keep the old memory, which stays as it is.
		text, null, err := copytext.Unescape(a.text, a.split.Fields()[asked.column])
		if err != nil {
			return a.wrong(asked, err)
		}
		var value []byte
		if a.text = text; !null {
			value = text[before:len(text):len(text)]
		}
		a.values[i] = append(a.values[i], value)
	}
	if len(a.ends) < askedRows && len(a.rows) < askedBytes {
		return nil
	}
	return a.ask()
}

// wrong says at which column masking stopped; the row is the last of those that were asked for together.
func (a *asking) wrong(of asked, err error) error {
	c := &a.table.columns[of.column]
	return &MaskError{Table: a.table.header.Table, Column: c.Name, Mask: c.MaskName, Row: a.split.Row(), Err: err}
}

// ask has the waiting values masked and passes the waiting rows on.
func (a *asking) ask() error {
	answers := make([][][]byte, len(a.values))
	for i, asked := range a.table.asked {
		if i == len(a.answers) {
			began, err := asked.mask.Begin()
			if err != nil {
				return a.wrong(asked, err)
			}
			a.answers = append(a.answers, began)
		}
		var err error
		if answers[i], err = askFor(a.answers[i], a.values[i]); err != nil {
			return a.wrong(asked, err)
		}
		a.values[i] = a.values[i][:0]
	}
	from := 0
	for row, end := range a.ends {
		a.line = append(a.line[:0], a.rows[from:end]...)
		for i := range answers {
			a.line = append(a.line, '\t')
			if answer := answers[i][row]; answer != nil {
				a.line = copytext.AppendEscaped(a.line, answer)
			} else {
				a.line = copytext.AppendNull(a.line)
			}
		}
		if _, err := a.next.Write(append(a.line, '\n')); err != nil {
			return err
		}
		from = end
	}
	a.rows, a.ends, a.text = a.rows[:0], a.ends[:0], a.text[:0]
	return nil
}

// askFor asks for the values that are not NULL.
func askFor(a Answers, values [][]byte) ([][]byte, error) {
	var there [][]byte
	for _, value := range values {
		if value != nil {
			there = append(there, value)
		}
	}
	if len(there) == 0 {
		return make([][]byte, len(values)), nil
	}
	answers, err := a.Ask(there)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(there) {
		return nil, errors.New("another number of answers came back than of values was asked for")
	}
	out := make([][]byte, len(values))
	for i, value := range values {
		if value != nil {
			out[i], answers = answers[0], answers[1:]
		}
	}
	return out, nil
}

// close passes the last rows on.
func (a *asking) close(sent int64) error {
	if a.err != nil {
		return a.err
	}
	if err := a.split.Close(); err != nil {
		return err
	}
	if a.err = a.ask(); a.err != nil {
		return a.err
	}
	return a.next.close(sent)
}

// result returns how many rows were masked, and the first error of ours.
func (a *asking) result() (int64, error) {
	rows, err := a.next.result()
	if a.err != nil {
		err = a.err
	}
	return rows, err
}

// Close ends what was begun.
func (a *asking) Close() error {
	var problems []error
	for _, began := range a.answers {
		problems = append(problems, began.Close())
	}
	return errors.Join(problems...)
}
