package builtin

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/derive"
)

// fewestExchanged is the default of how many rows exchange values: among fewer, whose value it is is soon guessed.
const fewestExchanged = 10

func shuffle() anonymize.Definition {
	return anonymize.Definition{
		Name: "shuffle", Family: "shuffle", Group: anonymize.GroupRearrange, Unmapped: true,
		Summary: "gives each row the value of another row, so that every value stays as often as it is and belongs to somebody else; NULLs are values like others",
		Accepts: allClasses(),
		Params: []anonymize.Param{
			{Name: "group", Kind: anonymize.ParamString, Doc: "a name of your own; columns of one table with the same group and the same within move together; without it each moves alone"},
			{Name: "within", Kind: anonymize.ParamColumns, Doc: "columns whose values, as production has them, stay together with this one: rows exchange values among those that are equal there"},
			{
				Name: "least", Kind: anonymize.ParamInt, Default: int64(fewestExchanged),
				Doc: "among how many rows at least a value moves; smaller groups are put together, and a table that is smaller ends the run",
			},
		},
		Reads: anonymize.ReadsTable, Determinism: anonymize.Keyed, Uniqueness: anonymize.UniqueNone, Nulls: anonymize.NullsMasked,
		Discloses: everything(), Rank: 5, Cost: 500,
		Example: anonymize.Example{Input: "52,000"},
		Check: func(a anonymize.Args) error {
			switch least, _ := a.Params["least"].(int64); {
			case least < 2:
				return errors.New("least is below 2: a value that moves nowhere would stay with its row")
			case len(a.RowKey) == 0:
				return errors.New("the table has no primary key, by which rows are told apart on every run; give it one, or choose a mask that reads the value alone")
			}
			return nil
		},
		New: func(a anonymize.Args) (anonymize.Mask, error) {
			m := &shuffleMask{prf: derive.NewPRF(a.Key), least: fewestExchanged}
			if least, ok := a.Params["least"].(int64); ok {
				m.least = least
			}
			group := stringOf(a, "group")
			if group == "" {
				group = "column " + a.Column
			}
			m.place = appendPart(appendPart(nil, []byte(a.Table.String())), []byte(group))
			var err error
			if m.key, err = siblingsOf(a, a.RowKey); err != nil {
				return nil, err
			}
			within, _ := a.Params["within"].([]string)
			m.within, err = siblingsOf(a, within)
			return m, err
		},
	}
}

// siblingsOf returns the indexes of columns.
func siblingsOf(a anonymize.Args, names []string) ([]int, error) {
	indexes := make([]int, 0, len(names))
	for _, name := range names {
		i, ok := a.Siblings[name]
		if !ok {
			return nil, errNoSibling
		}
		indexes = append(indexes, i)
	}
	return indexes, nil
}

// shuffleMask orders the rows of each group by a keyed digest of their primary key, and gives each row the value of
// the next one, the last that of the first: a permutation in which no row keeps its own, and which follows from key and
// rows alone, in whatever order they are read. What is exchanged cannot be undone without the key and the keys of all
// rows.
type shuffleMask struct {
	prf *derive.PRF
	// place says which column of which table is shuffled.
	place       []byte
	key, within []int
	least       int64
}

var errNotSeen = errors.New("shuffle: the column was not looked at before; this is a mistake of the program")

// Append implements anonymize.Mask.
func (m *shuffleMask) Append([]byte, anonymize.Value) ([]byte, error) { return nil, errNotSeen }

// Gather implements anonymize.Gatherer.
func (m *shuffleMask) Gather(dir string) anonymize.Gathering { return newExchange(dir, m) }

const (
	groupSize  = 8
	digestSize = 16
	// seatSize is the length of a row's place in the order: its group, then its digest.
	seatSize = groupSize + digestSize
)

// seat appends a row's place in the order. Groups whose digests meet, one pair in 2⁶⁴, are one group.
func (m *shuffleMask) seat(dst []byte, row anonymize.Row) ([]byte, error) {
	if row == nil {
		return nil, errNoRow
	}
	var scratch [scratchSize]byte
	message := append(append(scratch[:0], 'g'), m.place...)
	for _, i := range m.within {
		message = appendField(message, row, i)
	}
	if len(m.within) == 0 {
		dst = append(dst, make([]byte, groupSize)...)
	} else {
		group := m.prf.Sum(message)
		dst = append(dst, group[:groupSize]...)
	}
	message = append(append(message[:0], 'r'), m.place...)
	for _, i := range m.key {
		message = appendField(message, row, i)
	}
	digest := m.prf.Sum(message)
	return append(dst, digest[:]...), nil
}

// appendField appends a field such that no two rows of fields look alike.
func appendField(dst []byte, row anonymize.Row, i int) []byte {
	value, ok := row.In(i)
	if !ok {
		return append(dst, 0)
	}
	return appendPart(append(dst, 1), value)
}

// appendPart appends a text with its length before it.
func appendPart(dst, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(part))), part...)
}

// tooFew says that a table is too small to be shuffled.
func tooFew(rows, least int64) error {
	return fmt.Errorf("shuffle: the column has %d rows and values are to move among %d at least; write least: %d if that is enough, or choose another mask", rows, least, max(rows, 2))
}
