//go:build unix

package pgstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"botrelay/relay"
)

// relayURL in the environment makes the test binary a relay of that database:
// it appends and delivers until its standard input ends, and says on its
// standard output what it has been acknowledged ("acked ID") and what it sends
// ("sent SINK ID").
const relayURL = "BOTRELAY_TEST_RELAY_URL"

// childClaims is how much the relay has in flight at most, per sink.
const childClaims = 8

var childSinks = []string{"lake", "bots"}

// beRelay is the child process.
func beRelay(url string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := Open(ctx, Options{URL: url, LeaseTime: shortLease, Logger: quiet()})
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	var parts, store sync.WaitGroup
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	running, stop := context.WithCancel(context.Background())
	store.Go(func() {
		if err := s.Run(running); err != nil {
			say("failed %v", err)
		}
	})
	for w := range 3 {
		parts.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ev := event(90_000_000+w*1_000_000+n, fmt.Sprintf("child-%d-%d", w, n%5))
				if _, err := s.Append(context.Background(), ev, targets(ev, childSinks...)...); err == nil {
					say("acked %s", ev.ID)
				}
				select { // a backlog would take the test's time
				case <-time.After(5 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	for _, sink := range childSinks {
		parts.Go(func() { childDelivers(ctx, s, sink, say) })
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has had enough
	cancel()
	parts.Wait()
	stop()
	store.Wait()
	_ = s.Close()
	return 0
}

// childDelivers sends for one sink: it says so.
func childDelivers(ctx context.Context, s *Store, sink string, say func(string, ...any)) {
	for ctx.Err() == nil {
		ds, err := s.Claim(ctx, sink, childClaims)
		if err != nil {
			say("failed %v", err)
			return
		}
		for _, d := range ds {
			if d.Lease.Err() == nil { // as the delivery loop does
				say("sent %s %s", sink, d.Event.ID)
			}
		}
		err = s.Settle(context.Background(), settled(ds, relay.Delivered)...)
		if err != nil && !errors.Is(err, relay.ErrClaimLost) {
			say("failed %v", err)
		}
	}
}

// child is a relay in a process of its own.
type child struct {
	cmd  *exec.Cmd
	stop io.Closer
	done chan struct{}
}

// startChild starts a relay whose words go into the books of l.
func startChild(t *testing.T, l *load, url string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), relayURL+"="+url)
	stop, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			l.hear(lines.Text())
		}
		_ = cmd.Wait() // it may have been killed
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
		_ = c.stop.Close()
		<-c.done
	})
	return c
}

// hear takes a line of a child into the books.
func (l *load) hear(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what, rest, _ := strings.Cut(line, " ")
	switch what {
	case "acked":
		l.acked[rest]++
	case "sent":
		l.sent[rest]++
	default:
		l.t.Errorf("a relay says %s", line)
	}
}

// sentOfChild counts what was sent of the events that a child has taken.
func (l *load) sentOfChild() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range l.sent {
		if strings.Contains(at, "msg_9") {
			n++
		}
	}
	return n
}

// Two relays in two processes. One is frozen past its lease, several times, and
// killed in the end: the other accepts all the while and takes over, nothing is
// lost, and no more is repeated than was in flight.
func TestARelayIsFrozenAndKilled(t *testing.T) {
	t.Parallel()
	url := server.Get(t).Database(t)
	l := newLoad(t, childSinks...)
	c := startChild(t, l, url)
	eventually(t, 20*time.Second, "the child delivers", func() bool { return l.sentOfChild() > 100 })
	s, _ := open(t, Options{URL: url, LeaseTime: shortLease})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.run(ctx, s, 1) })
	defer running.Wait()
	defer cancel()
	stops := 0
	halt := func(signal syscall.Signal) {
		t.Helper()
		stops++
		if err := c.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for time.Since(began) < 2*shortLease {
			before := l.acknowledged()
			eventually(t, 10*time.Second, "events are accepted meanwhile", func() bool { return l.acknowledged() > before })
		}
		eventually(t, 5*time.Second, "the other has both sinks", func() bool { return len(owned(s)) == 2 })
	}
	for range 3 {
		halt(syscall.SIGSTOP)
		if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		eventually(t, 20*time.Second, "they share again", func() bool { return len(owned(s)) == 1 })
		before := l.sentOfChild()
		eventually(t, 10*time.Second, "it goes on", func() bool { return l.sentOfChild() > before+20 })
	}
	halt(syscall.SIGKILL)
	<-c.done
	cancel()
	running.Wait()
	ctx, cancel = context.WithCancel(context.Background())
	for _, sink := range l.sinks {
		running.Go(func() { l.deliver(ctx, s, sink) })
	}
	eventually(t, 20*time.Second, "everything acknowledged is sent", l.drained)
	cancel()
	running.Wait()
	if n, most := l.repeated(), stops*len(childSinks)*childClaims; n > most {
		t.Errorf("%d deliveries were repeated, at most %d were in flight", n, most)
	} else {
		t.Logf("%d acknowledged, %d repeated of at most %d", l.acknowledged(), n, most)
	}
}
