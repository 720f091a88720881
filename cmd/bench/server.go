package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lethedb/lethe/internal/pgserver"
)

// The databases of a bench: what is copied, and what is made of it.
const (
	production = "production"
	// tenthOf is the same workload at a tenth of the scale: memory must not grow with the data.
	tenthOf = "production_tenth"
	staging = "staging"
)

// server is the one that holds source and target. It belongs to this program unless it was attached to.
type server struct {
	own        *pgserver.Server
	binaries   pgserver.Binaries
	host, port string
	password   string
	log        *os.File
}

// settings are those of a small production server that somebody looked after: durable, with room for a
// bulk load between checkpoints, everything else as PostgreSQL ships it.
func settings(o options) map[string]string {
	s := map[string]string{
		"wal_level": o.wal, "fsync": "on", "shared_buffers": "1GB", "max_wal_size": "8GB",
		"checkpoint_timeout": "15min", "maintenance_work_mem": "256MB",
	}
	if o.wal == "minimal" {
		s["max_wal_senders"] = "0"
	}
	if o.log != "" {
		s["log_min_duration_statement"] = "20"
		s["log_line_prefix"] = "%m [%p] %d %a "
	}
	return s
}

// open starts a server, or names the one that a bench -serve started.
func open(ctx context.Context, o options, talk io.Writer) (*server, error) {
	binaries, err := programs(ctx, talk)
	if err != nil {
		return nil, err
	}
	s := &server{binaries: binaries}
	if o.attach {
		s.host, s.port, s.password = os.Getenv("PGHOST"), os.Getenv("PGPORT"), os.Getenv("PGPASSWORD")
		return s, nil
	}
	start := pgserver.Options{Settings: settings(o)}
	if o.log != "" {
		if s.log, err = os.Create(o.log); err != nil {
			return nil, err
		}
		start.Log = s.log
	}
	if s.own, err = pgserver.Start(ctx, binaries, start); err != nil {
		return nil, err
	}
	dsn, err := url.Parse(s.own.DSN("postgres"))
	if err != nil {
		return nil, errors.Join(err, s.own.Stop())
	}
	s.host, s.port = dsn.Hostname(), dsn.Port()
	s.password, _ = dsn.User.Password()
	return s, nil
}

func (s *server) stop() error {
	if s.own == nil {
		return nil
	}
	err := s.own.Stop()
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}

// dsn names a database without its password, which travels in the environment.
func (s *server) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@%s:%s/%s?sslmode=disable", s.host, s.port, database)
}

// secretDSN is dsn with the password, for programs that take no other.
func (s *server) secretDSN(database string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s:%s/%s?sslmode=disable", s.password, s.host, s.port, database)
}

// command is a program of PostgreSQL, with nothing but what it needs in its environment.
func (s *server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if path := s.binaries.Program(program); path != "" {
		program = path
	}
	cmd := exec.CommandContext(ctx, program, args...)
	// An interrupt lets each of them take back what it began.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = []string{
		"PATH=" + s.binaries.Dir + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C",
		"PGPASSWORD=" + s.password, "TMPDIR=" + os.TempDir(),
	}
	return cmd
}

// do runs a command. Its output is shown when it fails: the rows of a bench are nobody's.
func do(cmd *exec.Cmd) error {
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// sql runs statements in a database and returns what they print, fields separated by "|".
func (s *server) sql(ctx context.Context, database string, statements ...string) (string, error) {
	cmd := s.command(ctx, "psql", s.statements(database, statements)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := do(cmd); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// statements are the arguments of psql for them: one session, one after the other.
func (s *server) statements(database string, statements []string) []string {
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", s.dsn(database)}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	return args
}

// script runs a file of the workload with psql's variables set.
func (s *server) script(ctx context.Context, database, file string, variables map[string]int64) error {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", s.dsn(database), "-f", file}
	for name, value := range variables {
		args = append(args, "-v", name+"="+strconv.FormatInt(value, 10))
	}
	return do(s.command(ctx, "psql", args...))
}

// fresh removes every database that a run made, makes an empty target, and lets the server rest: whoever
// comes next finds nothing of who was here before but a warm page cache.
func (s *server) fresh(ctx context.Context) error {
	names, err := s.sql(ctx, "postgres", "SELECT datname FROM pg_database WHERE datname LIKE '"+staging+"%'")
	if err != nil {
		return err
	}
	var statements []string
	for name := range strings.SplitSeq(names, "\n") {
		if name != "" {
			statements = append(statements, `DROP DATABASE "`+name+`" WITH (FORCE)`)
		}
	}
	statements = append(statements, "CREATE DATABASE "+staging+" TEMPLATE template0", "CHECKPOINT")
	_, err = s.sql(ctx, "postgres", statements...)
	return err
}
