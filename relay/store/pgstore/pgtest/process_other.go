//go:build !linux

package pgtest

import "syscall"

// supported tells whether servers can be run on this system.
const supported = false

func attributes(account) *syscall.SysProcAttr { return nil }

// account is who runs a server.
type account struct {
	other    bool
	uid, gid int
}

func findAccount() (account, error) { return account{}, nil }

func roomy(string, uint64) string { return "" }

// Nothing is started on this system, so nothing is signalled.
const (
	fastStop = syscall.SIGTERM
	killed   = syscall.SIGTERM
)
