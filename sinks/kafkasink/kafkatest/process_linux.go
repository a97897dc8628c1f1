package kafkatest

import (
	"fmt"
	"os"
	"syscall"
)

// supported tells whether brokers can be run on this system.
const supported = true

// The signals that stop a process for a while and let it go on.
const (
	pauseSignal  = syscall.SIGSTOP
	resumeSignal = syscall.SIGCONT
)

// attributes let a process die with the test that started it, however that
// ends, and keep it out of reach of a Ctrl-C that is meant for the test.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lock waits for the lock file of that name. A process that ends lets it go.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}
