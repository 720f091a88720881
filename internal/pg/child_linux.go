package pg

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel ask the program to end when this process dies. PostgreSQL's programs then
// cancel what they run on the server.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
