package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// atDesktop tells whether somebody sits before this machine who sees what it
// opens: the terminal is theirs, and so is a screen. A server that root started has
// become an account of its own, to which neither belongs.
func (p *program) atDesktop() bool {
	if !p.screen.inTTY || !p.screen.errTTY || !p.cfg.around.screen || os.Geteuid() == 0 {
		return false
	}
	info, err := p.in.Stat()
	return err == nil && ownerOf(info) == os.Geteuid()
}

// openBrowser has the desktop open an address, and tells whether it could be asked.
// It is called before this process is locked down, for what a locked-down process
// starts is locked down, too. The address is no secret: every account of the
// machine can read what programs are started with.
func openBrowser(address string) bool {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	cmd := exec.Command(path, address)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C here does not end it
	if cmd.Start() != nil {
		return false
	}
	go func() { _ = cmd.Wait() }() // whether it could is seen on the screen
	return true
}
