package child

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/lethedb/lethe/internal/copytext"
)

// Lines is a program that answers each line with a line. It is used by one goroutine; the caller closes it.
type Lines struct {
	name    string
	timeout time.Duration
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	output  *tail
	// closing is closed when nothing is read any more, ended when the program has ended then.
	closing, ended chan struct{}
}

// longestAnswer bounds one line of an answer, in bytes as they are written.
const longestAnswer = 64 << 20

// StartLines starts a program that reads values on its standard input, one on each line as COPY's text form spells
// them, and writes as many lines to its standard output, \N for NULL. It may read ahead, and must write what it has
// whenever it would wait for more. Timeout bounds each Ask, a minute where it is 0.
func StartLines(c Command) (*Lines, error) {
	if len(c.Argv) == 0 {
		return nil, errors.New("start a program: none is named")
	}
	l := &Lines{
		name: filepath.Base(c.Argv[0]), timeout: cmp.Or(c.Timeout, time.Minute),
		output: &tail{}, closing: make(chan struct{}), ended: make(chan struct{}),
	}
	l.cmd = exec.Command(c.Argv[0], c.Argv[1:]...)
	l.cmd.Env = append([]string{}, c.Env...) // not nil: that would be ours
	l.cmd.Dir, l.cmd.Stderr = c.Dir, l.output
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(l.cmd.SysProcAttr)
	l.cmd.WaitDelay = cmp.Or(c.Grace, 3*time.Second)
	in, err := l.cmd.StdinPipe()
	if err == nil {
		l.in = in
		var out io.ReadCloser
		if out, err = l.cmd.StdoutPipe(); err == nil {
			l.out = bufio.NewReaderSize(out, 64<<10)
			err = l.start()
		}
	}
	if err != nil {
		return nil, &Error{Program: l.name, Problem: "it cannot be run: " + reason(err)}
	}
	return l, nil
}

// start starts the program on a thread that lasts as long as it does: Linux tells a child that its parent died when
// the thread ends that forked it.
func (l *Lines) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := l.cmd.Start()
		started <- err
		if err == nil {
			<-l.closing
			_ = l.cmd.Wait() // how it ends is its own business: every answer is here
			close(l.ended)
		}
	}()
	return <-started
}

// kill ends the program and all that it started.
func (l *Lines) kill() { _ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL) }

// Ask sends values and returns an answer for each; nil is NULL. After an error the program is of no more use.
func (l *Lines) Ask(values [][]byte) ([][]byte, error) {
	if l.out.Buffered() > 0 {
		return nil, l.failed("it answered before it was asked", false)
	}
	late := time.AfterFunc(l.timeout, l.kill)
	wrote := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(l.in, 64<<10)
		var line []byte
		for _, value := range values {
			line = append(copytext.AppendEscaped(line[:0], value), '\n')
			if _, err := w.Write(line); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- w.Flush()
	}()
	answers, err := l.read(len(values))
	if err != nil {
		l.kill() // what is still being written ends with it
	}
	writing := <-wrote
	if !late.Stop() {
		return nil, l.failed(fmt.Sprintf("it did not answer %d lines within %s; it must write its answers whenever it would wait for more", len(values), l.timeout), true)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), err == nil && writing != nil:
		return nil, l.failed("it ended before it had answered every line", false)
	case err != nil:
		return nil, l.failed(err.Error(), false)
	case l.out.Buffered() > 0: // taken for the answers to what comes next, they would go to other rows
		return nil, l.failed("it answered with more lines than it was given", false)
	}
	return answers, nil
}

func (l *Lines) failed(problem string, timedOut bool) error {
	return &Error{Program: l.name, Problem: problem, TimedOut: timedOut, output: l.output.kept()}
}

// read reads so many answers.
func (l *Lines) read(n int) ([][]byte, error) {
	answers := make([][]byte, n)
	for i := range answers {
		line, err := l.line()
		if err != nil {
			return nil, err
		}
		text, null, err := copytext.Unescape([]byte{}, line)
		if err != nil {
			return nil, errors.New("it answered with a line that COPY's text form does not know")
		}
		if !null {
			answers[i] = text
		}
	}
	return answers, nil
}

// line reads one line without its end.
func (l *Lines) line() ([]byte, error) {
	var line []byte
	for {
		piece, err := l.out.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > longestAnswer:
			return nil, fmt.Errorf("it answered with a line of more than %d MB", longestAnswer>>20)
		}
	}
}

// Close ends the program: it is told that there is no more to read, and killed with all that it started if it does not
// end soon.
func (l *Lines) Close() error {
	_ = l.in.Close() // the program may have closed it
	close(l.closing)
	timer := time.NewTimer(l.cmd.WaitDelay)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
		l.kill()
		<-l.ended
	}
	return nil
}
