package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"botrelay/relay"
)

// A replay goes on after the process has ended, and repeats nothing that was
// queued.
func TestReplaySurvivesRestarts(t *testing.T) {
	b := newBench(t)
	for i := range 260 {
		b.status(fmt.Sprintf("e%03d", i), "bot.fatal", "", fmt.Sprint("bot-", i))
	}
	begun := b.begin(ReplayRequest{Since: "1h", To: []string{"lake"}, Rate: 2000})
	seen := map[string]int{}
	for restarts := 0; len(seen) < 260; restarts++ {
		if restarts > 200 {
			t.Fatalf("only %d were sent after %d restarts\n%s", len(seen), restarts, b.log)
		}
		b.until("something is on its way", func() bool { return b.outstandingOf("lake") > restarts%5 })
		for _, id := range b.settle("lake", relay.Delivered, "") {
			seen[id]++
		}
		b.reopen()
	}
	done := b.ended(begun.ID)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if done.State != ReplayDone || done.Events != 260 || done.Queued != 260 {
		t.Errorf("done: %+v", done)
	}
}

// faultyOperator fails every second Requeue, before it is done or after.
type faultyOperator struct {
	relay.Operator
	calls *atomic.Int64
}

var errFaulty = errors.New("the store has hiccups")

func (f *faultyOperator) Requeue(ctx context.Context, refs ...relay.Ref) ([]relay.Done, error) {
	switch f.calls.Add(1) % 4 {
	case 1:
		return nil, errFaulty
	case 3:
		if _, err := f.Operator.Requeue(ctx, refs...); err != nil {
			return nil, err
		}
		return nil, errFaulty
	}
	return f.Operator.Requeue(ctx, refs...)
}

// A kill can fall before a chunk is queued or after it and before that is
// known. Both leave the record as it was: it is what is gone on from.
func TestReplayRepeatsNothingAfterAnError(t *testing.T) {
	b := newBench(t)
	b.faulty = new(atomic.Int64)
	b.reopen()
	for i := range 30 {
		b.status(fmt.Sprintf("e%03d", i), "bot.fatal", "", fmt.Sprint("bot-", i))
	}
	begun := b.begin(ReplayRequest{Since: "1h", To: []string{"lake"}, Rate: 100})
	var got []string
	b.until("all were sent", func() bool {
		got = append(got, b.settle("lake", relay.Delivered, "")...)
		if b.outstandingOf("lake") == 0 && strings.Contains(b.log.String(), "held up") {
			b.reopen() // does not wait for the pause after an error
		}
		return len(got) >= 30
	})
	done := b.ended(begun.ID)
	if len(got) != 30 || !slices.IsSorted(got) || done.Queued != 30 {
		t.Errorf("%d were sent: %v; %+v", len(got), got, done)
	}
}

// A replay is carried out by the process that began it, or by another when
// nothing has happened to it for a while.
func TestReplayHasOneRunner(t *testing.T) {
	b := newBench(t)
	b.server.opts.Alone = false
	watched := map[string]watching{}
	own := &job{Replay: Replay{ID: "1"}, Runner: b.server.replays.runner}
	other := &job{Replay: Replay{ID: "2"}, Runner: "another", Beat: 7}
	if !b.server.mine(own, watched) {
		t.Error("its own is left")
	}
	for range 2 {
		if b.server.mine(other, watched) {
			t.Error("another's is taken at once")
		}
	}
	w := watched["2"]
	w.since = w.since.Add(-abandonedAfter)
	watched["2"] = w
	other.Beat++
	if b.server.mine(other, watched) {
		t.Error("another's is taken although it goes on")
	}
	w = watched["2"]
	w.since = w.since.Add(-abandonedAfter)
	watched["2"] = w
	if !b.server.mine(other, watched) {
		t.Error("one that was left behind is not taken")
	}
	b.server.opts.Alone = true
	if !b.server.mine(&job{Runner: "an earlier process"}, watched) {
		t.Error("one of an earlier process waits although nobody else can have it")
	}
}
