//go:build !linux

package kafkatest

import (
	"fmt"
	"runtime"
	"syscall"
)

// supported tells whether brokers can be run on this system.
const supported = false

// Nothing is started on this system, so nothing is signalled.
const (
	pauseSignal  = syscall.SIGTERM
	resumeSignal = syscall.SIGTERM
)

func attributes() *syscall.SysProcAttr { return nil }

func lock(string) (unlock func(), err error) {
	return nil, fmt.Errorf("%w: brokers are run on Linux alone, this is %s", ErrNotInstalled, runtime.GOOS)
}

func paused(int) (bool, error) { return true, nil }
