package child

import "syscall"

// endWithParent has the kernel kill the child when we die without a word.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
