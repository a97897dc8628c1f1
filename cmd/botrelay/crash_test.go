package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const crashConfiguration = `
listen: {listen}
store: {store}
log: {level: warn}
sources: {recall: {secrets: "{secret}"}}
sinks:
  one: {type: http, url: "%s", concurrency: 16}
  two: {type: http, url: "%s", concurrency: 16}
routes: [{name: everything, to: [one, two]}]
`

// kills is how often TestKill kills the relay: a short form by default.
func kills(t *testing.T) int {
	if text := os.Getenv("BOTRELAY_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("BOTRELAY_TEST_KILLS: %v", err)
		}
		return n
	}
	if testing.Short() {
		return 3
	}
	return 12
}

// TestKill kills the relay under load, again and again, and once after quiet.
// Every acknowledged event arrives; what was settled is not sent again, so a
// kill repeats at most what was in flight.
func TestKill(t *testing.T) {
	t.Parallel()
	one, two := newCountingSink(t, ""), newCountingSink(t, "")
	relay := newRelayProcess(t, fmt.Sprintf(crashConfiguration, one.url(), two.url()))
	relay.start()
	ctx, stop := context.WithCancel(t.Context())
	tr := &traffic{url: relay.url(), bots: 32}
	var wg sync.WaitGroup
	wg.Go(func() { tr.run(ctx) })
	n := kills(t)
	for range n {
		<-time.After(100*time.Millisecond + rand.N(300*time.Millisecond))
		relay.kill()
		relay.start()
	}
	stop()
	wg.Wait()
	acked := tr.acknowledged()
	until(t, "everything that was acknowledged has arrived", func() error {
		if m := one.missing(acked) + two.missing(acked); m > 0 {
			return fmt.Errorf("%d of %d deliveries are missing", m, 2*len(acked))
		}
		return nil
	})
	// In flight is what a sink sends at a time (16) and what it has sent that waits
	// for a commit (at most 1,024 on a disk that is slow); 15 a kill are usual.
	const inFlight = 16 + 1024
	for name, s := range map[string]*countingSink{"one": one, "two": two} {
		if got := s.repeated(); got > n*inFlight {
			t.Errorf("%s: %d repetitions in %d kills, more than %d in flight each", name, got, n, inFlight)
		}
		if bot := s.disorder(); bot != "" {
			t.Errorf("%s: out of order: %s", name, bot)
		}
	}
	t.Logf("%d kills, %d acknowledged, %d + %d repetitions", n, len(acked), one.repeated(), two.repeated())

	quiet(t)
	before := one.repeated() + two.repeated()
	relay.kill()
	relay.start()
	marker := &traffic{url: relay.url(), bots: 1, places: map[string]int{"bot0": 1 << 20}}
	ctx, stop = context.WithTimeout(t.Context(), 300*time.Millisecond)
	marker.run(ctx)
	stop()
	until(t, "the relay delivers after the kill in quiet", func() error {
		if m := one.missing(marker.acknowledged()) + two.missing(marker.acknowledged()); m > 0 {
			return fmt.Errorf("%d are missing", m)
		}
		return nil
	})
	if after := one.repeated() + two.repeated(); after != before {
		t.Errorf("%d settled deliveries were sent again after a kill in quiet", after-before)
	}
	relay.stop()
}

// quiet lets outcomes reach the disk: 20 s in the long form.
func quiet(t *testing.T) {
	d := 2 * time.Second
	if os.Getenv("BOTRELAY_TEST_KILLS") != "" {
		d = 20 * time.Second
	}
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// needStrace skips where strace cannot be used; the gate makes that a failure.
func needStrace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		if out, runErr := exec.Command(path, "-f", "-o", os.DevNull, "true").CombinedOutput(); runErr != nil {
			err = fmt.Errorf("%w: %s", runErr, out)
		}
	}
	if err != nil {
		if os.Getenv("BOTRELAY_TEST_SYSTEM") == "require" {
			t.Fatalf("strace is needed: %v", err)
		}
		t.Skipf("strace cannot be used: %v", err)
	}
	return path
}

// TestNoAnswerBeforeFsync slows every fsync by half a second: no 2xx may come
// sooner, alone or in a group.
func TestNoAnswerBeforeFsync(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	const delay = 500 * time.Millisecond
	sink := newCountingSink(t, "")
	trace := filepath.Join(t.TempDir(), "trace")
	relay := newRelayProcess(t, fmt.Sprintf(crashConfiguration, sink.url(), sink.url()),
		strace, "-f", "-o", trace, "-e", "trace=fdatasync,fsync", "-e",
		fmt.Sprintf("inject=fdatasync,fsync:delay_enter=%d", delay.Microseconds()))
	relay.start()
	client := localClient()
	defer client.CloseIdleConnections()
	post, err := newSender(relay.url(), scriptSecret, client)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			for j := range 2 {
				began := time.Now()
				status, err := post.post(t.Context(), fmt.Sprintf("msg-%d-%d", i, j), []byte(`{"event":"bot.done","data":{}}`))
				took := time.Since(began)
				if err != nil || status != 202 {
					t.Errorf("answered %d: %v", status, err)
				}
				if took < delay {
					t.Errorf("a 2xx after %v, before the fsync of %v", took, delay)
				}
			}
		})
	}
	wg.Wait()
	relay.kill()
	content, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "(DELAYED)") {
		t.Fatalf("no fsync was delayed, so nothing was tested:\n%.2000s", content)
	}
}
