package pgserver

import (
	"os"
	"os/exec"
	"runtime"
	"time"
)

// child is a running process of ours.
type child struct {
	pid     int
	process *os.Process
	// done is closed once the process is reaped; err may be read from then on.
	done chan struct{}
	err  error
}

// stopStep is one way to ask a server to end, and how long it is given.
type stopStep struct {
	signal os.Signal
	wait   time.Duration
}

// spawn starts cmd and reaps it. The goroutine keeps its thread from the start to the end of the child:
// Linux sends the parent-death signal when the *thread* that forked ends, and Go ends idle threads.
func spawn(cmd *exec.Cmd) (*child, error) {
	c := &child{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			c.process, c.pid = cmd.Process, cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop ends the child, more firmly step by step, and returns once it is reaped.
func (c *child) stop() {
	for _, step := range stopSteps() {
		if c.ended() {
			return
		}
		_ = c.process.Signal(step.signal) // an error means that it has just ended
		timer := time.NewTimer(step.wait)
		select {
		case <-c.done:
		case <-timer.C:
		}
		timer.Stop()
	}
	c.kill()
}

// kill ends the child at once and returns when it is reaped.
func (c *child) kill() {
	if !c.ended() {
		_ = c.process.Kill()
	}
	<-c.done
}
