package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// contestant is one receiver that compare puts under load.
type contestant struct {
	name  string
	sinks int // real HTTP sinks that get every event
	// command makes the process and the address of its source; dir is its own.
	command func(ctx context.Context, dir string, sinks []*sinkServer) (*exec.Cmd, func(stdout io.Reader) (*url.URL, error), error)
}

// process is a contestant that runs.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   *url.URL
	sinks []*sinkServer
	dir   string
	log   *os.File
}

// start runs the contestant in a new folder under parent and waits until it
// answers.
func (c contestant) start(ctx context.Context, parent string) (p *process, err error) {
	dir, err := os.MkdirTemp(parent, "run-")
	if err != nil {
		return nil, err
	}
	p = &process{dir: dir}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	for range c.sinks {
		s, err := newSinkServer()
		if err != nil {
			return nil, err
		}
		p.sinks = append(p.sinks, s)
	}
	cmd, address, err := c.command(ctx, dir, p.sinks)
	if err != nil {
		return nil, err
	}
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	cmd.Stderr = p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err = cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	p.cmd = cmd
	if p.url, err = address(stdout); err != nil {
		return nil, fmt.Errorf("start %s: %w (its log: %s)", c.name, err, p.log.Name())
	}
	return p, nil
}

// stop ends the process as an operator would and removes its folder.
func (p *process) stop() error {
	var err error
	if p.cmd != nil {
		p.stdin.Close()
		p.cmd.Process.Signal(syscall.SIGTERM)
		if err = p.cmd.Wait(); err != nil {
			if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == -1 {
				err = nil // ended by the signal: the bare handlers do not catch it
			}
		}
	}
	for _, s := range p.sinks {
		s.close()
	}
	if p.log != nil {
		p.log.Close()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// cpu is the processor time that the process has used so far.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name may hold blanks; the fields after it are numbered from 3.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// memory is the resident memory of the process in bytes.
func (p *process) memory() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, errors.New("/proc/PID/statm is too short")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// settle waits until the sinks have want events each and the process has been
// idle for a while, and returns when it had done its work.
func (p *process) settle(ctx context.Context, want int64) (time.Time, error) {
	const step = 100 * time.Millisecond
	busy := time.Now()
	last, err := p.cpu()
	if err != nil {
		return busy, err
	}
	tick := time.NewTicker(step)
	defer tick.Stop()
	for idle := 0; idle < 5; {
		select {
		case <-ctx.Done():
			return busy, fmt.Errorf("the contestant is not done: %w", ctx.Err())
		case <-tick.C:
		}
		now, err := p.cpu()
		if err != nil {
			return busy, err
		}
		missing := false
		for _, s := range p.sinks {
			missing = missing || s.received.Load() < want
		}
		// A tick of the scheduler's clock is 10 ms: a tenth of a step is idle.
		if missing || now-last > step/10 {
			busy, idle = time.Now(), 0
		} else {
			idle++
		}
		last = now
	}
	return busy, nil
}

// bareContestant runs this program's own bare handler.
func bareContestant(name, secret string, fsync bool) contestant {
	return contestant{name: name, command: func(ctx context.Context, dir string, _ []*sinkServer) (*exec.Cmd, func(io.Reader) (*url.URL, error), error) {
		self, err := os.Executable()
		if err != nil {
			return nil, nil, err
		}
		args := []string{"bare", "--secret", secret}
		if fsync {
			args = append(args, "--fsync-to", filepath.Join(dir, "bodies"))
		}
		return exec.CommandContext(ctx, self, args...), func(stdout io.Reader) (*url.URL, error) {
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil {
				return nil, fmt.Errorf("read its address: %w", err)
			}
			return url.Parse("http://" + strings.TrimSpace(line) + "/")
		}, nil
	}}
}

// relayContestant runs a botrelay binary with sinks as given and a store of
// its own.
func relayContestant(name, binary, secret string, noop, real int) contestant {
	return contestant{name: name, sinks: real, command: func(ctx context.Context, dir string, sinks []*sinkServer) (*exec.Cmd, func(io.Reader) (*url.URL, error), error) {
		port, err := freePort()
		if err != nil {
			return nil, nil, err
		}
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(relayConfig(port, dir, secret, noop, sinks)), 0o600); err != nil {
			return nil, nil, err
		}
		cmd := exec.CommandContext(ctx, binary, "serve", "--config", file)
		address := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/webhooks/bench"}
		return cmd, func(io.Reader) (*url.URL, error) { return address, awaitReady(ctx, address.Host) }, nil
	}}
}

func relayConfig(port int, dir, secret string, noop int, sinks []*sinkServer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:%d\nstore: %s\nlog: {level: warn}\nsources: {bench: {secrets: %q}}\nsinks:\n",
		port, filepath.Join(dir, "data"), secret)
	var names []string
	for i := range noop {
		names = append(names, fmt.Sprintf("noop%d", i))
		fmt.Fprintf(&b, "  noop%d: {type: discard, concurrency: 64}\n", i)
	}
	for i, s := range sinks {
		names = append(names, fmt.Sprintf("http%d", i))
		fmt.Fprintf(&b, "  http%d: {type: http, url: %q, concurrency: 32}\n", i, s.url)
	}
	match := ""
	if len(names) == 0 {
		// A sink must exist for a route to name; this route wants nothing that comes.
		fmt.Fprint(&b, "  nothing: {type: discard}\n")
		names, match = []string{"nothing"}, "match: {event: bot.fatal}, "
	}
	fmt.Fprintf(&b, "routes:\n  - {name: all, %sto: [%s]}\n", match, strings.Join(names, ", "))
	return b.String()
}

// freePort is a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func awaitReady(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(req)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", errors.Join(ctx.Err(), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
