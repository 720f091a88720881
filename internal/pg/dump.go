package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lethedb/lethe/internal/catalog"
)

// Tools are PostgreSQL's own programs, as paths. They are of one major version M, with the source's
// major ≤ M ≤ the target's.
type Tools struct {
	PgDump    string
	PgRestore string
}

// toolGrace is how long a program may take to end after it was asked to, before it is killed: pg_dump
// sends a cancel request and removes nothing.
const toolGrace = 5 * time.Second

// outputLimit is how much of a program's output is remembered: enough for every error of a long restore.
const outputLimit = 1 << 20

// ToolVersion runs a program of PostgreSQL's with --version and returns its major version.
func ToolVersion(ctx context.Context, path string) (int, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = toolBase()
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", filepath.Base(path), err)
	}
	match := regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`).FindStringSubmatch(out.String())
	if match == nil {
		return 0, fmt.Errorf("ask %s for its version: the answer names none", filepath.Base(path))
	}
	return strconv.Atoi(match[1])
}

// runTool runs a program and waits for it. Its output is shown to nobody: when it fails the error is a
// ToolError that carries it. A cancelled context interrupts the program, which then ends its statement
// on the server.
func runTool(ctx context.Context, path string, env []string, args ...string) error {
	out := &limited{}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = toolGrace
	err := runChild(cmd)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("run %s: %w", filepath.Base(path), cause)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return newToolError(filepath.Base(path), exit.ExitCode(), out.kept.Bytes())
	}
	return fmt.Errorf("run %s: %w", filepath.Base(path), err)
}

// runChild runs a program that ends when this process does, however it ends, where the platform can promise
// that: a pg_dump that goes on alone would hold its locks. The goroutine keeps its thread meanwhile, because
// Linux sends the signal when the thread that forked ends, and Go ends idle threads.
func runChild(cmd *exec.Cmd) error {
	endWithParent(cmd)
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- cmd.Run()
	}()
	return <-ended
}

// limited remembers the first outputLimit bytes written to it and drops the rest. The exec package
// writes to it from one goroutine. The buffer is not embedded: its ReadFrom would go around Write.
type limited struct{ kept bytes.Buffer }

// Write never fails: a program must not die of a reader that had enough.
func (l *limited) Write(p []byte) (int, error) {
	if room := outputLimit - l.kept.Len(); room > 0 {
		l.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// toolBase is what every program needs of our own environment: where libraries and the user's
// certificates are. Messages are asked for in English, times in UTC.
func toolBase() []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// toolEnvironment returns the environment for a program that connects as the session s of the DSN would,
// to the server at remote when that is not nil. The password goes into a file, mode 0600, in dir; remove
// deletes it. Nothing of the DSN is ever an argument: every user of a machine sees those.
func toolEnvironment(ctx context.Context, dsn string, s session, remote net.Addr, dir string) (env []string, remove func(), err error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, nil, err
	}
	settings := libpqSettings(dsn)
	host, address := reached(ctx, config, remote)
	settings["PGHOST"], settings["PGPORT"] = host, strconv.Itoa(int(config.Port))
	if tcp, ok := remote.(*net.TCPAddr); ok {
		settings["PGHOSTADDR"], settings["PGPORT"] = address, strconv.Itoa(tcp.Port)
	}
	settings["PGUSER"], settings["PGDATABASE"] = config.User, config.Database
	if s.database != "" {
		settings["PGDATABASE"] = s.database
	}
	settings["PGAPPNAME"] = applicationName(s.name)
	remove = func() {}
	if config.Password != "" {
		path, err := writePassfile(dir, config.Password)
		if err != nil {
			return nil, nil, err
		}
		settings["PGPASSFILE"] = path
		remove = func() { _ = os.Remove(path) }
	}
	env = toolBase()
	for name, value := range settings {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env, remove, nil
}

// reached returns which of the DSN's hosts is the one at remote, by name for the certificate's sake, and
// its address; the first host when nothing is connected yet.
func reached(ctx context.Context, config *pgx.ConnConfig, remote net.Addr) (host, address string) {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || len(config.Fallbacks) == 0 {
		if ok {
			return config.Host, tcp.IP.String()
		}
		return config.Host, ""
	}
	names := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		if !slices.Contains(names, fallback.Host) {
			names = append(names, fallback.Host)
		}
	}
	for _, name := range names {
		addresses, err := (&net.Resolver{}).LookupHost(ctx, name)
		if err == nil && slices.Contains(addresses, tcp.IP.String()) {
			return name, tcp.IP.String()
		}
	}
	return tcp.IP.String(), tcp.IP.String()
}

// writePassfile writes a passfile for any server: it lives as long as one program runs, for that alone.
func writePassfile(dir, password string) (string, error) {
	if strings.ContainsAny(password, "\r\n\x00") {
		return "", errors.New("write passfile: the password holds a line break, which no passfile can; change it")
	}
	file, err := os.CreateTemp(dir, "pass-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("write passfile: %w", err)
	}
	escaped := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(password)
	_, err = file.WriteString("*:*:*:*:" + escaped + "\n")
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write passfile: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// libpqVariables are the connection parameters, other than those that say who and where, that both pgx
// and libpq read, with libpq's variable for each.
func libpqVariables() map[string]string {
	return map[string]string{
		"sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT",
		"sslsni": "PGSSLSNI", "sslnegotiation": "PGSSLNEGOTIATION", "channel_binding": "PGCHANNELBINDING",
		"require_auth": "PGREQUIREAUTH", "krbsrvname": "PGKRBSRVNAME", "connect_timeout": "PGCONNECT_TIMEOUT",
		"ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
		"options": "PGOPTIONS",
	}
}

// libpqSettings returns libpq's variables for what the DSN says, and for what it leaves to our own
// environment. It is called after parse has found the DSN well-formed.
func libpqSettings(dsn string) map[string]string {
	said := map[string]string{}
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		for name, values := range u.Query() {
			said[name] = values[len(values)-1]
		}
	} else {
		for _, pair := range regexp.MustCompile(`(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)`).FindAllStringSubmatch(dsn, -1) {
			value := strings.TrimSuffix(strings.TrimPrefix(pair[2], "'"), "'")
			said[pair[1]] = regexp.MustCompile(`\\(.)`).ReplaceAllString(value, "$1")
		}
	}
	settings := map[string]string{}
	for name, variable := range libpqVariables() {
		if value, ok := said[name]; ok {
			settings[variable] = value
		} else if value, ok := os.LookupEnv(variable); ok {
			settings[variable] = value
		}
	}
	return settings
}

// DumpSchema writes the schema as the snapshot sees it to path, a custom-format archive without rows,
// mode 0600; path must not exist. Tables in exclude, and all that hangs on them alone, are left out, and
// so are our own schema and subscriptions. It runs the real pg_dump, whose failure is a ToolError; after
// any failure there is no file.
func (s *Snapshot) DumpSchema(ctx context.Context, tools Tools, path string, exclude []catalog.Name) (err error) {
	major, err := ToolVersion(ctx, tools.PgDump)
	if err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // pg_dump keeps the mode of a file it finds
	if err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := file.Close(); err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	env, remove, err := toolEnvironment(ctx, s.source.opts.DSN, session{name: s.source.sessionName()}, s.remote, s.source.opts.Dir)
	if err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	defer remove()
	args := []string{
		"--format=custom", "--schema-only", "--no-password", "--no-subscriptions", "--exclude-schema=" + ownSchema,
		"--snapshot=" + s.id, "--file=" + path,
		"--lock-wait-timeout=" + strconv.FormatInt(max(s.source.opts.LockTimeout.Milliseconds(), 1), 10),
	}
	if major >= 18 {
		args = append(args, "--no-statistics") // they hold originals; before 18 no dump has them
	}
	superuser, err := s.source.superuser(ctx)
	if err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	if superuser {
		// Who may read all data reads every definition, but not the passwords of user mappings.
		args = append(args, "--role=pg_read_all_data")
	}
	for _, name := range exclude {
		args = append(args, "--exclude-table="+name.SQL())
	}
	back, err := s.readers.lend(ctx)
	if err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	defer back()
	if err := runTool(ctx, tools.PgDump, env, args...); err != nil {
		return fmt.Errorf("dump schema: %w", err)
	}
	return nil
}

// superuser reports whether our role is one.
func (s *Source) superuser(ctx context.Context) (is bool, err error) {
	err = s.atHome(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&is)
	})
	return is, err
}
