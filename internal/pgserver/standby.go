package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
)

// Standby makes a streaming standby of the server, which answers read-only, on a port and in a directory of
// its own, with the same superuser and password; settings win over the server's own. The context bounds the
// start alone; whoever called Standby calls Stop on what it returned. The server must keep enough WAL for it
// and have a sender free: PostgreSQL's defaults do.
func (s *Server) Standby(ctx context.Context, settings map[string]string) (*Server, error) {
	root, err := temporaryRoot(s.options.Env, s.account)
	if err != nil {
		return nil, fmt.Errorf("start standby: %w", err)
	}
	dir, err := newDirectory(root, s.account)
	if err != nil {
		return nil, fmt.Errorf("start standby: %w", err)
	}
	standby := &Server{binaries: s.binaries, options: s.options, account: s.account, dir: dir, password: s.password, log: &tail{next: s.options.Log}}
	standby.options.Settings = settings
	if err := standby.follow(ctx, s); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	if err := standby.serve(ctx, 0); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return standby, nil
}

// follow copies the primary's data and says where the rest comes from.
func (s *Server) follow(ctx context.Context, primary *Server) error {
	primary.mu.Lock()
	port := primary.port
	primary.mu.Unlock()
	cmd := exec.CommandContext(ctx, s.binaries.path("pg_basebackup"),
		"--pgdata", s.dir.data(), "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync",
		"--host=127.0.0.1", "--port="+strconv.Itoa(port), "--username="+superuser)
	prepare(cmd, s.dir, s.log, s.account)
	cmd.Env = append(cmd.Env, "PGPASSWORD="+s.password)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("copy the primary with %s: %w: %s", cmd.Path, errors.Join(err, ctx.Err()), s.log)
	}
	return nil
}
