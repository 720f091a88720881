package pgserver

import "syscall"

// endWithParent asks the kernel for a fast shutdown of the server at the moment this process dies.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGINT }

// characterLocale is a locale every Linux has that knows the letters of UTF-8.
func characterLocale() string { return "C.UTF-8" }
