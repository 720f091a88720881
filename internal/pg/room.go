package pg

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// FreeSpace returns how many bytes are free where the target makes its databases, and whether that is known.
// PostgreSQL does not tell; it is known where the server runs on this machine, its role may see where its
// data is, and that directory proves to be the running server's.
func FreeSpace(ctx context.Context, opts TargetOptions) (free int64, known bool, err error) {
	opts = opts.withDefaults()
	err = opts.maintain(ctx, func(conn *pgx.Conn) error {
		free, known, err = freeSpace(ctx, conn, opts.DSN)
		return err
	})
	return free, known, err
}

func freeSpace(ctx context.Context, conn *pgx.Conn, dsn string) (free int64, known bool, err error) {
	if tcp, remote := conn.PgConn().Conn().RemoteAddr().(*net.TCPAddr); remote && !tcp.IP.IsLoopback() {
		return 0, false, nil
	}
	config, err := parse(dsn)
	if err != nil {
		return 0, false, err
	}
	var dir, port string
	var started time.Time
	const query = `SELECT s.setting, current_setting('port'), pg_postmaster_start_time() FROM pg_settings s
		WHERE s.name = 'data_directory' AND NOT EXISTS (SELECT FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
			WHERE d.datname = $1 AND t.spcname <> 'pg_default')`
	switch err := conn.QueryRow(ctx, query, config.Database).Scan(&dir, &port, &started); {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, false, nil // the role may not see it, or the databases are elsewhere
	case err != nil:
		return 0, false, sanitize(err)
	}
	if !runsFrom(dir, port, started) {
		return 0, false, nil
	}
	free, known = diskFree(filepath.Join(dir, "base"))
	return free, known, nil
}

// startSlack is by how much the time in postmaster.pid may differ from what the server says: it counts
// seconds, and is written a moment after.
const startSlack = 5 * time.Second

// runsFrom reports whether a directory of this machine is that of a server which listens on port and was
// started then: a container's path may exist here too, and be another server's.
func runsFrom(dir, port string, started time.Time) bool {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		return false
	}
	const startLine, portLine = 2, 3
	lines := strings.Split(string(text), "\n")
	if len(lines) <= portLine || strings.TrimSpace(lines[portLine]) != port {
		return false
	}
	second, err := strconv.ParseInt(strings.TrimSpace(lines[startLine]), 10, 64)
	return err == nil && started.Sub(time.Unix(second, 0)).Abs() <= startSlack
}
