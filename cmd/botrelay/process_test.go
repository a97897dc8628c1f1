package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of the tests that run whole processes.
const patience = 60 * time.Second

// relayProcess is a botrelay of its own process, which a test may kill.
type relayProcess struct {
	t      *testing.T
	dir    string
	listen string
	args   []string // of the whole command line
	cmd    *exec.Cmd
	stdout *os.File // where the process writes; nil discards
	stderr *syncBuffer
	exited chan error
}

// newRelayProcess prepares a relay with the configuration, in which {listen}
// and {store} stand for an address and a folder. wrap, if given, is put before
// the command, as strace is.
func newRelayProcess(t *testing.T, configuration string, wrap ...string) *relayProcess {
	t.Helper()
	p := &relayProcess{t: t, dir: t.TempDir(), listen: freeAddress(t)}
	p.configure(configuration)
	p.args = append(wrap, "botrelay", "serve", "--config", p.configPath())
	return p
}

func (p *relayProcess) configPath() string { return filepath.Join(p.dir, "config.yaml") }
func (p *relayProcess) storePath() string  { return filepath.Join(p.dir, "store") }
func (p *relayProcess) url() string        { return "http://" + p.listen + "/webhooks/recall" }

func (p *relayProcess) configure(configuration string) {
	p.t.Helper()
	if !strings.Contains(configuration, "\nadmin:") {
		configuration += "\nadmin: {listen: \"127.0.0.1:0\"}\n"
	}
	text := strings.NewReplacer("{listen}", p.listen, "{store}", p.storePath(), "{secret}", scriptSecret).Replace(configuration)
	if err := os.WriteFile(p.configPath(), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the relay and waits until it accepts.
func (p *relayProcess) start() {
	p.t.Helper()
	p.launch()
	p.awaitReady()
}

func (p *relayProcess) launch() {
	p.t.Helper()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.stderr = &syncBuffer{}
	p.cmd.Stderr = p.stderr
	if p.stdout != nil {
		p.cmd.Stdout = p.stdout
	}
	// A test that ends early leaves no process behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited := make(chan error, 1)
	cmd := p.cmd
	go func() { exited <- cmd.Wait(); close(exited) }()
	p.exited = exited
	p.t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
	})
}

func (p *relayProcess) awaitReady() {
	p.t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	until(p.t, "the relay is ready", func() error {
		select {
		case err := <-p.exited:
			p.t.Fatalf("the relay has ended: %v\n%s", err, p.stderr)
		default:
		}
		answer, err := client.Get("http://" + p.listen + "/readyz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %d", answer.StatusCode)
		}
		return nil
	})
}

// kill ends the process as a crash does.
func (p *relayProcess) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// stop ends the process as an operator does, and fails the test if it does not
// end well.
func (p *relayProcess) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Fatalf("the relay ended badly: %v\n%s", err, p.stderr)
		}
	case <-time.After(patience):
		p.t.Fatalf("the relay does not end\n%s", p.stderr)
	}
}

// memory is the resident memory in bytes.
func (p *relayProcess) memory() int {
	p.t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// until asks again and again until there is no error.
func until(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s: %v", patience, what, err)
		}
	}
}

// syncBuffer keeps what a process writes while it runs.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
