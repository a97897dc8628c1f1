package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNotInstalled: a program is missing on this machine.
var ErrNotInstalled = errors.New("not installed")

// find returns the path of a program of PostgreSQL, the newest where there are
// several.
func find(name string) (string, error) {
	if !supported {
		return "", fmt.Errorf("%w: servers are run on Linux alone", ErrNotInstalled)
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(installed) == 0 {
		return "", fmt.Errorf("%w: %s is neither in PATH nor below /usr/lib/postgresql (Debian: postgresql, pgbouncer)", ErrNotInstalled, name)
	}
	slices.Sort(installed)
	return installed[len(installed)-1], nil
}

// newDir is a directory of the account for what it runs: in memory, where there
// is enough of it. Everything is synced all the same; what a power cut would
// leave is PostgreSQL's to test.
func newDir(a account) (string, error) {
	dir, err := os.MkdirTemp(roomy("/dev/shm", 4<<30), "botrelay-postgres-")
	if err != nil {
		return "", err
	}
	if a.other {
		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeFile writes a file of the account that nobody else may read.
func writeFile(a account, name, text string) error {
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return err
	}
	if a.other {
		return os.Chown(name, a.uid, a.gid)
	}
	return nil
}

// freePort is a port that nobody has at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// process is one program under way, with the last of what it says.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex
	lines []string
}

// keptLines is how much of a log is kept.
const keptLines = 400

// start runs a program in a directory, as the account.
func start(a account, dir, program string, args ...string) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = dir, write, write, attributes(a)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+dir)
	err = cmd.Start()
	write.Close()
	if err != nil {
		read.Close()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go p.follow(read)
	return p, nil
}

// follow reads what the process says to its end, and waits for it.
func (p *process) follow(log io.ReadCloser) {
	defer close(p.done)
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		if over := len(p.lines) - keptLines; over > 0 {
			p.lines = p.lines[over:]
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, log) // a line over the limit ends the scan
	_ = p.cmd.Wait()                // how it ended is in ProcessState
}

// tail is the last of what it said.
func (p *process) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-n):], "\n")
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop signals the process and waits until it has ended, by force if need be.
func (p *process) stop(how syscall.Signal) {
	_ = p.cmd.Process.Signal(how) // it may be gone already
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Signal(killed)
		<-p.done
	}
}

// until calls f until it succeeds or ctx ends, and returns its last error then.
func until(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
