package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/work"
)

// Query says which rows and columns of one table are read.
type Query struct {
	Table catalog.Name
	// Columns are read in this order. None means rows without columns, not all columns.
	Columns []string
	// Joins are the rows to read each row with, and Joined the columns of them that come after Columns.
	Joins  []work.Join
	Joined []work.JoinedColumn
	// Range is Whole or Blocks.
	Range work.Range
	// Where is a condition as SQL; "" for all rows. Functions outside pg_catalog need their schema.
	Where string
	// Limit is the most rows; 0 for all.
	Limit int
	// Binary asks for the binary form of COPY.
	Binary bool
}

// CopyOut writes rows to w in the text form of COPY, as the pinned settings spell values, or in the binary
// form where q asks for it, and returns how many there were. A partitioned table holds no rows of its own and is refused: its partitions are read.
// After an error, w has got some rows of the part, or none.
func (s *Snapshot) CopyOut(ctx context.Context, q Query, w io.Writer) (rows int64, err error) {
	query, err := s.selection(q, columnList(q.Columns))
	if err != nil {
		return 0, fmt.Errorf("copy %s: %w", q.Table, err)
	}
	err = s.inside(ctx, q.Table, q.Joins, func(conn *pgx.Conn) error {
		if q.Where != "" {
			// COPY travels as text that may hold several statements; a condition from a file must not end
			// one and begin another, and a prepared statement is always exactly one.
			if _, err := conn.PgConn().Prepare(ctx, "", query, nil); err != nil {
				return fmt.Errorf("condition on rows: %w", err)
			}
		}
		if s.plain(q) {
			query = q.Table.SQL() + " (" + columnList(q.Columns) + ")"
		} else {
			query = "(" + query + ")"
		}
		statement := "COPY " + query + " TO STDOUT (FORMAT " + string(formatOf(work.Table{Binary: q.Binary})) + ")"
		rows, err = copyOut(ctx, conn, statement, s.meter.through(ctx, w))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("copy %s: %w", q.Table, err)
	}
	// Rows that were joined may have become more or fewer: they are counted apart.
	if q.Range.Kind == work.Whole && q.Limit == 0 && len(q.Joins) == 0 {
		s.sent.note(selected{q.Table, q.Where}, rows)
	}
	return rows, nil
}

// selected is what all rows of a table that meet a condition are known by.
type selected struct {
	table catalog.Name
	where string
}

// sentRows remembers how many rows of what was sent there were. The zero value is empty.
type sentRows struct {
	mu sync.Mutex
	of map[selected]int64
}

func (s *sentRows) note(what selected, rows int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[selected]int64)
	}
	s.of[what] = rows
}

func (s *sentRows) get(what selected) (rows int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, ok = s.of[what]
	return rows, ok
}

// plain reports that q asks for all rows of a table and some of its columns that are stored: the server then reads
// the table without its executor in between, rows of children not included.
func (s *Snapshot) plain(q Query) bool {
	table := s.tables[q.Table]
	if table == nil || table.Kind != catalog.Ordinary || q.Range.Kind != work.Whole || q.Where != "" || q.Limit > 0 || len(q.Columns) == 0 || len(q.Joins) > 0 {
		return false
	}
	return !slices.ContainsFunc(q.Columns, func(name string) bool {
		column := table.Column(name)
		return column == nil || column.Generated != "" // COPY takes none by name
	})
}

// Count counts the rows of a table, its partitions' and children's not included, that meet the condition. Where
// one statement has sent all of them already, its number is the count, by the same server over the same rows at
// the same instant, and production does not read them twice. A sum over parts would not do: a part that was
// never made is missing on both sides of the comparison.
func (s *Snapshot) Count(ctx context.Context, table catalog.Name, where string) (rows int64, err error) {
	if rows, ok := s.sent.get(selected{table, where}); ok {
		return rows, nil
	}
	query, err := s.selection(Query{Table: table, Range: work.Range{Kind: work.Whole}, Where: where}, "count(*)")
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	err = s.inside(ctx, table, nil, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, query).Scan(&rows) })
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return rows, nil
}

// selection returns the SELECT of q.
func (s *Snapshot) selection(q Query, list string) (string, error) {
	if table := s.tables[q.Table]; table != nil && table.Kind == catalog.Partitioned {
		return "", errors.New("a partitioned table holds no rows of its own; read its partitions")
	}
	if len(q.Joins) > 0 {
		return joined(q)
	}
	return selection(q, list)
}

// selection returns the SELECT of q, on one relation alone.
func selection(q Query, list string) (string, error) {
	var conditions []string
	switch q.Range.Kind {
	case work.Whole:
	case work.Blocks:
		// A scan by ranges of ctid reads only those blocks (14 and later).
		if q.Range.Lo > 0 {
			conditions = append(conditions, "ctid >= '("+strconv.FormatInt(q.Range.Lo, 10)+",0)'::tid")
		}
		if q.Range.Hi > 0 {
			conditions = append(conditions, "ctid < '("+strconv.FormatInt(q.Range.Hi, 10)+",0)'::tid")
		}
	default:
		return "", fmt.Errorf("a database cannot be read by %s", q.Range.Kind)
	}
	if q.Where != "" {
		conditions = append(conditions, "(\n"+q.Where+"\n)") // the condition may end in a comment
	}
	query := "SELECT " + list + " FROM ONLY " + q.Table.SQL()
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	if q.Limit > 0 {
		query += " LIMIT " + strconv.Itoa(q.Limit)
	}
	return query, nil
}

// A part is at most 256 MB of heap: it takes some seconds to read, so that a retry is cheap. It is at least
// 16 MB: opening and listing a part costs some milliseconds, which is then less than a fiftieth of its time.
const (
	largestPart  = 32768
	smallestPart = 2048
)

// partsPerReader is how many parts a table that takes long is divided into for each reader: the last part
// keeps the other readers waiting for an eighth of what they did at most.
const partsPerReader = 8

// partBlocks returns the size of a table's parts.
func partBlocks(blocks int64, readers int) int64 {
	return min(max(blocks/int64(max(readers, 1)*partsPerReader), smallestPart), largestPart)
}

// Parts returns the parts that hold a table's rows, each row in exactly one, whoever writes to the table
// meanwhile: a snapshot sees one version of a row, which stays where it is, and the last part has no
// upper bound. Tables that arrive empty, and relations whose rows are elsewhere (partitioned and foreign
// tables) or are computed (materialised views), have none; what is not a heap is one part.
func (s *Snapshot) Parts(table work.Table, run string) []work.Part {
	known := table.Table
	if now := s.tables[known.Name]; now != nil {
		known = now
	}
	size := partBlocks(known.Size.Blocks, s.source.opts.Connections)
	if len(table.Joins) > 0 {
		// Every part looks up what its rows refer to, and may read all of that table for it.
		size = max(size, known.Size.Blocks/int64(max(s.source.opts.Connections, 1))+1)
	}
	return s.parts(table, run, size)
}

func (s *Snapshot) parts(table work.Table, run string, size int64) []work.Part {
	known := table.Table
	if now := s.tables[known.Name]; now != nil {
		known = now
	}
	if table.Empty || known.Kind != catalog.Ordinary {
		return nil
	}
	part := work.Part{Run: run, Table: known.Name, Range: work.Range{Kind: work.Whole}}
	if table.Whole || known.AccessMethod != "heap" || known.Size.Blocks <= size {
		return []work.Part{part}
	}
	var parts []work.Part
	for lo := int64(0); lo < known.Size.Blocks; lo += size {
		part.Range = work.Range{Kind: work.Blocks, Lo: lo, Hi: lo + size}
		if lo+size >= known.Size.Blocks {
			part.Range.Hi = 0
		}
		parts = append(parts, part)
		part.No++
	}
	return parts
}

// sequenceBatch is how many sequences one statement reads.
const sequenceBatch = 100

// Sequences returns where the sequences stand, those of extensions left out. A sequence obeys no
// snapshot: the values are at least as new as the rows.
func (s *Snapshot) Sequences(ctx context.Context) ([]work.SequenceValue, error) {
	var values []work.SequenceValue
	var wanted []catalog.Name
	for _, sequence := range s.catalog.Sequences {
		if sequence.Extension == "" {
			wanted = append(wanted, sequence.Name)
		}
	}
	err := s.source.atHome(ctx, func(tx pgx.Tx) error {
		for batch := range slices.Chunk(wanted, sequenceBatch) {
			var queries []string
			for i, name := range batch {
				queries = append(queries, fmt.Sprintf("SELECT %d, last_value, is_called FROM %s", i, name.SQL()))
			}
			found, err := tx.Query(ctx, strings.Join(queries, " UNION ALL "))
			if err != nil {
				return err
			}
			var at int
			var value work.SequenceValue
			if _, err := pgx.ForEachRow(found, []any{&at, &value.Last, &value.Called}, func() error {
				value.Name = batch[at]
				values = append(values, value)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read sequences: %w", err)
	}
	slices.SortFunc(values, func(a, b work.SequenceValue) int { return cmp.Or(a.Name.Compare(b.Name)) })
	return values, nil
}

// CheckWhere asks the server whether a condition on a table's rows can be read: its syntax, its names, its
// types, and the right to read what it reads. Nothing is executed.
func (s *Source) CheckWhere(ctx context.Context, table catalog.Name, where string) error {
	query, err := selection(Query{Table: table, Range: work.Range{Kind: work.Whole}, Where: where}, "")
	if err != nil {
		return err
	}
	err = s.atHome(ctx, func(tx pgx.Tx) error {
		// Not tx.Exec: without arguments it sends a text that may hold several statements.
		return tx.Conn().PgConn().ExecParams(ctx, "EXPLAIN (COSTS OFF) "+query, nil, nil, nil, nil).Read().Err
	})
	if err != nil {
		return fmt.Errorf("condition on rows of %s: %w", table, err)
	}
	return nil
}
