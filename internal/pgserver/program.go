package pgserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Program is a program to run beside a server, such as a pooler: one that refuses root as the server does.
type Program struct {
	// Path is the program's.
	Path string
	// Files are written into the program's own directory before it starts, by name, readable by it alone.
	Files map[string]string
	// Args builds its arguments, given that directory. Nil means none.
	Args func(dir string) []string
	// Log receives what it says, live; nil drops it.
	Log io.Writer
	// Env looks up LETHE_SERVER_USER and TMPDIR. Defaults to os.Getenv.
	Env func(string) string
}

// Process is a running Program. Its methods may be called concurrently.
type Process struct {
	child *child
	dir   *directory
	log   *tail
}

// Run starts a program under the account that servers run as, with an empty environment, in a directory of
// its own, to end with this process as they do. Whoever calls Run calls Stop.
func Run(p Program) (*Process, error) {
	o := Options{Log: p.Log, Env: p.Env}.withDefaults()
	who, err := serverAccount(o.Env)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", p.Path, err)
	}
	root, err := temporaryRoot(o.Env, who)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", p.Path, err)
	}
	dir, err := newDirectory(root, who)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", p.Path, err)
	}
	process := &Process{dir: dir, log: &tail{next: o.Log}}
	if process.child, err = p.spawn(process, who); err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: %w", p.Path, err), dir.remove())
	}
	return process, nil
}

func (p Program) spawn(process *Process, who account) (*child, error) {
	for name, text := range p.Files {
		path := filepath.Join(process.dir.path, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
		if err := who.own(path); err != nil {
			return nil, err
		}
	}
	var args []string
	if p.Args != nil {
		args = p.Args(process.dir.path)
	}
	cmd := exec.Command(p.Path, args...)
	prepare(cmd, process.dir, process.log, who)
	return spawn(cmd)
}

// Done is closed once the program has ended.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// Output returns the end of what the program said.
func (p *Process) Output() string { return p.log.String() }

// Stop ends the program at once, without a word to it, and removes its directory. It may be called again.
func (p *Process) Stop() error {
	p.child.kill()
	return p.dir.remove()
}

// prepare gives a child the account, the empty environment and the log that all of ours have.
func prepare(cmd *exec.Cmd, dir *directory, log *tail, who account) {
	cmd.Dir = dir.path
	cmd.Env = childEnvironment()
	cmd.Stdout, cmd.Stderr = log, log
	// Backends hold the log's pipe a moment longer than a killed postmaster does.
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = who.attributes()
}
