package pgtest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// supported tells whether servers can be run on this system.
const supported = true

// attributes let a process die with the test that started it, however that
// ends, keep it out of reach of a Ctrl-C that is meant for the test, and give it
// the account.
func attributes(a account) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if a.other {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attributes
}

// account is who runs a server: PostgreSQL refuses to run as root.
type account struct {
	other    bool // not this process's own
	uid, gid int
}

// findAccount is this process's own, or for root another.
func findAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		var u *user.User
		if u, err = user.Lookup(name); err != nil {
			continue
		}
		a := account{other: true}
		if a.uid, err = strconv.Atoi(u.Uid); err == nil {
			a.gid, err = strconv.Atoi(u.Gid)
		}
		return a, err
	}
	return account{}, err
}

// roomy is dir if it has so many bytes free, otherwise nothing.
func roomy(dir string, bytes uint64) string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < bytes {
		return ""
	}
	return dir
}

// The signals that stop a server: as an operator would, and at once.
const (
	fastStop = syscall.SIGINT
	killed   = syscall.SIGKILL
)
