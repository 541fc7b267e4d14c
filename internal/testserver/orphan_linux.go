package testserver

import "syscall"

// endWithTheTests has a server end when the tests do without a word to it, as
// after a panic or a timeout.
func endWithTheTests(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
