package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// Load loads a sample database, "pagila" or "chinook", into db as the given role, which becomes the owner
// of the database and of all in it; the zero Login loads as the superuser. The dump is SAMPLE.sql in the
// directory LETHE_SAMPLE_DATA names, else in data/ or shared/data/ beside this module or a directory above
// it. Where there is none the test is skipped, aloud.
func Load(t testing.TB, db *DB, sample string, as Login) {
	t.Helper()
	path, err := SamplePath(sample)
	if err != nil {
		Skip(t, err.Error())
	}
	LoadFile(t, db, path, as)
}

// LoadFile is Load of a file that pg_dump wrote in plain form or that holds such statements: SQL and COPY
// blocks. Lines that set owners are left out.
func LoadFile(t testing.TB, db *DB, path string, as Login) {
	t.Helper()
	dsn := db.DSN()
	if as.Name != "" {
		owner := "ALTER DATABASE " + catalog.QuoteIdentifier(db.name) + " OWNER TO " + catalog.QuoteIdentifier(as.Name)
		// Before 15 the schema public belongs to the superuser; a pg_dump of it may change its comment.
		Exec(t, db.DSN(), owner, "ALTER SCHEMA public OWNER TO "+catalog.QuoteIdentifier(as.Name))
		dsn = as.DSN(db)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	// Loading needs no durability, and the session's settings end with it.
	dsn = Rewrite(dsn, func(u *url.URL) {
		query := u.Query()
		query.Set("synchronous_commit", "off")
		u.RawQuery = query.Encode()
	})
	run(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if err := replay(ctx, conn, bufio.NewReader(file)); err != nil {
			return fmt.Errorf("load %s: %w", filepath.Base(path), err)
		}
		return nil
	})
}

// replay sends a dump to the server: what stands between COPY blocks as one batch each, and the blocks as
// COPY data.
func replay(ctx context.Context, conn *pgx.Conn, dump *bufio.Reader) error {
	var batch strings.Builder
	for number := 1; ; number++ {
		line, err := dump.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		done := err != nil
		copies := strings.HasPrefix(line, "COPY ") && strings.HasSuffix(strings.TrimSpace(line), " FROM stdin;")
		if !copies && !changesOwner(line) && !strings.HasPrefix(line, `\`) {
			batch.WriteString(line)
		}
		if !copies && !done {
			continue
		}
		if _, err := conn.PgConn().Exec(ctx, batch.String()).ReadAll(); err != nil {
			return fmt.Errorf("statements before line %d: %w", number, err)
		}
		batch.Reset()
		if done {
			return nil
		}
		block := &copyBlock{dump: dump}
		if _, err := conn.PgConn().CopyFrom(ctx, block, strings.TrimSuffix(strings.TrimSpace(line), ";")); err != nil {
			return fmt.Errorf("rows after line %d: %w", number, err)
		}
		number += block.lines
	}
}

func changesOwner(line string) bool {
	return strings.HasPrefix(line, "ALTER ") && strings.Contains(line, " OWNER TO ")
}

// copyBlock reads the rows of a dump up to the line that ends them.
type copyBlock struct {
	dump  *bufio.Reader
	rest  []byte
	lines int
	ended bool
}

func (b *copyBlock) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		line, err := b.dump.ReadBytes('\n')
		if err != nil {
			return 0, fmt.Errorf("a COPY block is not ended: %w", err)
		}
		b.lines++
		if string(line) == "\\.\n" {
			b.ended = true
			return 0, io.EOF
		}
		b.rest = line
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// SamplePath returns where a sample's dump lies, as Load finds it.
func SamplePath(sample string) (string, error) {
	file := sample + ".sql"
	if dir := os.Getenv("LETHE_SAMPLE_DATA"); dir != "" {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("find sample database %s in LETHE_SAMPLE_DATA: %w", sample, err)
		}
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		for _, place := range []string{"data", filepath.Join("shared", "data")} {
			path := filepath.Join(dir, place, file)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find sample database %s: no %s in data/ or shared/data/ of any directory above; set LETHE_SAMPLE_DATA",
				sample, file)
		}
		dir = filepath.Dir(dir)
	}
}
