package relay

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPanicIsADeadLetter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			switch d.Event.ID {
			case "index":
				var none []int
				return fmt.Sprint(none[len(d.Event.ID)]), nil
			case "text":
				panic("cannot render s3cret")
			}
			return "ok", nil
		}}
		rows := []*memRow{w.queue.add("a", "A", "index"), w.queue.add("a", "B", "text"), w.queue.add("a", "A", "fine")}
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(time.Second)
		notes := []string{}
		for _, r := range rows {
			notes = append(notes, fmt.Sprint(w.queue.snapshot(r).state, " ", w.queue.snapshot(r).note))
		}
		want := []string{
			fmt.Sprint(Dead, " panic: runtime error: index out of range [5] with length 0"),
			fmt.Sprint(Dead, " panic: in botrelay/relay.TestPanicIsADeadLetter.func1.1"),
			fmt.Sprint(Delivered, " ok"),
		}
		if diff := cmp.Diff(want, notes); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
		if got := len(w.log.lines("level=ERROR", "stack=", "panic_test.go")); got != 2 {
			t.Errorf("%d stacks logged, want one for each panic", got)
		}
		if len(w.log.lines("s3cret")) > 0 {
			t.Errorf("the panic's text is in the log")
		}
		w.end()
	})
}

func TestLogHasOneLineForEachAttemptAndNoFlood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		sink := &testSink{answer: func(_ context.Context, d *Delivery) (string, error) {
			if d.Event.Fields.Key == "good" {
				return "ok", nil
			}
			return "", err422
		}}
		w.queue.add("a", "good", "good")
		for i := range 100 {
			w.queue.add("a", "bad", fmt.Sprint(i))
		}
		w.run(Destination{Name: "a", Sink: sink})
		w.pass(time.Minute)
		const keys = "event=good source=recall sink=a attempt=1 outcome=delivered dur=0s"
		if got := len(w.log.lines("level=DEBUG", "delivery attempted", keys)); got != 1 {
			t.Errorf("%d lines for the delivered one", got)
		}
		if got := len(w.log.lines("level=WARN", "delivery attempted", "outcome=dead", `err="HTTP 422"`)); got != attemptsLogged {
			t.Errorf("%d lines for 100 refused ones, want %d", got, attemptsLogged)
		}
		w.queue.add("a", "good", "later")
		w.pass(time.Second)
		if got := len(w.log.lines("more attempts", "unlogged=70")); got != 1 {
			t.Errorf("the other 70 are counted %d times", got)
		}
		w.end()
	})
}
