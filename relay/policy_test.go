package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testLimits = limits{giveUpAfter: 72 * time.Hour, maxBackoff: 15 * time.Minute}

var testNow = time.Date(2026, 3, 4, 15, 2, 11, 0, time.UTC)

func delivery(seq int, bot string, attempt int, waited time.Duration) *Delivery {
	ev := &Event{Seq: Seq(seq), Source: "recall", ID: fmt.Sprint(seq), Fields: Fields{Key: bot}}
	d := &Delivery{Event: ev, Sink: "a", Key: ev.OrderKey(), Attempt: attempt, Waited: waited}
	if attempt > 1 {
		d.First = testNow.Add(-time.Hour)
	}
	return d
}

// rule is a ruling in one line.
func rule(r ruling) string {
	verdict := map[Verdict]string{Delivered: "delivered", Retry: "retry", Detach: "detach", Dead: "dead", Release: "release"}[r.verdict]
	s := verdict
	if !r.at.IsZero() {
		s += fmt.Sprintf(" in %s, waits %s", r.at.Sub(testNow), r.wait)
	}
	if r.uncounted {
		s += ", uncounted"
	}
	if r.note != "" {
		s += ", " + r.note
	}
	if r.paused != nil {
		s += fmt.Sprintf(", PAUSE %s", r.paused.Cause)
	}
	if r.resumed != nil {
		s += ", RESUMED"
	}
	return s
}

// One failure of a sink that was well.
func TestJudgeOneTry(t *testing.T) {
	const h, m, s = time.Hour, time.Minute, time.Second
	after := func(kind Kind, d time.Duration) error {
		return fmt.Errorf("send: %w", &Fault{Kind: kind, After: d, Err: errors.New("E")})
	}
	alone := delivery(1, "bot", 3, m)
	alone.Key = ""
	passed := delivery(1, "bot", 3, m)
	passed.OutOfOrder = true
	for _, c := range []struct {
		name   string
		d      *Delivery
		err    error
		jitter float64
		want   string
	}{
		{"acknowledged", delivery(1, "bot", 1, 0), nil, 0, "delivered, ok"},
		{"transient, first, least jitter", delivery(1, "bot", 1, 0), errHTTP500, 0, "retry in 500ms, waits 500ms, HTTP 500"},
		{"transient, first, most jitter", delivery(1, "bot", 1, 0), errHTTP500, 1, "retry in 1s, waits 1s, HTTP 500"},
		{"transient, fourth", delivery(1, "bot", 4, 7*s), errHTTP500, 1, "retry in 8s, waits 8s, HTTP 500"},
		{"transient, fourth, after the least waits", delivery(1, "bot", 4, 3500*time.Millisecond), errHTTP500, 0.5, "retry in 6s, waits 6s, HTTP 500"},
		{"transient, at most 15 min", delivery(1, "bot", 4000, 60*h), errHTTP500, 1, "detach in 15m0s, waits 15m0s, HTTP 500"},
		{"probes count as attempts and not as waits", delivery(1, "bot", 100, 3*s), errHTTP500, 1, "retry in 8s, waits 8s, HTTP 500"},
		{"retry-after is a floor", delivery(1, "bot", 1, 0), after(Transient, 90*s), 1, "retry in 1m30s, waits 1m30s, send: E"},
		{"retry-after is no ceiling", delivery(1, "bot", 8, 127*s), after(Transient, 90*s), 1, "retry in 2m8s, waits 2m8s, send: E"},
		{"retry-after counts up to 1 h", alone, after(Transient, 5*h), 1, "retry in 1h0m0s, waits 1h0m0s, send: E"},
		{"retry-after below zero", delivery(1, "bot", 1, 0), after(Transient, -s), 1, "retry in 1s, waits 1s, send: E"},
		{"unreachable", delivery(1, "bot", 2, s), errNoWay, 1, "retry in 2s, waits 2s, connection refused"},
		{"refused", delivery(1, "bot", 1, 0), err422, 1, "dead, HTTP 422"},
		{"doubtful, first", delivery(1, "bot", 1, 0), err404, 1, "retry in 1m0s, waits 1m0s, HTTP 404"},
		{"doubtful, retry-after is a floor", delivery(1, "bot", 1, 0), after(Doubtful, 2*m), 1, "retry in 2m0s, waits 2m0s, send: E"},
		{"broken", delivery(1, "bot", 1, 0), errAuth, 1, "retry in 0s, waits 0s, wrong password (SASL), PAUSE auth"},
		{"broken without a cause", delivery(1, "bot", 1, 0), after(Broken, 0), 1, "retry in 0s, waits 0s, send: E, PAUSE unreachable"},
		{"throttled", delivery(1, "bot", 1, 0), err429, 0, "retry in 1s, waits 0s, uncounted, HTTP 429"},
		{"throttled with retry-after", delivery(1, "bot", 1, 0), throttledFor(42 * s), 0, "retry in 42s, waits 0s, uncounted, HTTP 429"},
		{"throttled past ten minutes", delivery(1, "bot", 1, 0), throttledFor(11 * m), 0, "detach in 11m0s, waits 0s, uncounted, HTTP 429"},
		{"throttled for more than 1 h", alone, throttledFor(3 * h), 0, "retry in 1h0m0s, waits 0s, uncounted, HTTP 429"},

		{"a try falls on ten minutes", delivery(1, "bot", 10, 511*s), errHTTP500, 1, "retry in 1m29s, waits 1m29s, HTTP 500"},
		{"passed after the try at ten minutes", delivery(1, "bot", 11, 10*m), errHTTP500, 1, "detach in 15m0s, waits 15m0s, HTTP 500"},
		{"retry-after up to ten minutes", delivery(1, "bot", 2, m), after(Transient, 9*m), 1, "retry in 9m0s, waits 9m0s, send: E"},
		{"retry-after past ten minutes", delivery(1, "bot", 2, m), after(Transient, 9*m+1), 1, "detach in 9m0.000000001s, waits 9m0.000000001s, send: E"},
		{"a passed one goes on alone", passed, after(Transient, 11*m), 1, "retry in 11m0s, waits 11m0s, send: E"},
		{"one without a key holds nobody", alone, after(Transient, 11*m), 1, "retry in 11m0s, waits 11m0s, send: E"},

		{"just before it is given up", delivery(1, "bot", 300, 72*h-m), errHTTP500, 1, "detach in 1m0s, waits 1m0s, HTTP 500"},
		{"given up", delivery(1, "bot", 301, 72*h), errHTTP500, 1, "dead, given up after 72 h: HTTP 500"},
		{"never given up by count", delivery(1, "bot", 1e6, 71*h), errHTTP500, 0, "detach in 7m30s, waits 7m30s, HTTP 500"},
		{"given up, doubtful", delivery(1, "bot", 301, 73*h), err404, 1, "dead, given up after 72 h: HTTP 404"},
		{"not given up, throttled", delivery(1, "bot", 301, 73*h), err429, 1, "detach in 1s, waits 0s, uncounted, HTTP 429"},
		{"not given up, broken", delivery(1, "bot", 301, 73*h), errAuth, 1, "retry in 0s, waits 0s, wrong password (SASL), PAUSE auth"},
		{"got through at last", delivery(1, "bot", 301, 73*h), nil, 1, "delivered, ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			health := newHealth()
			note := ""
			if c.err == nil {
				note = "ok"
			}
			got := rule(judge(&health, testLimits, try{delivery: c.d, err: c.err, note: note}, testNow, c.jitter))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// step is one try in a row of them: "bot: what happened".
type step struct {
	wait time.Duration // before it
	seq  int
	bot  string
	err  error
	solo bool
	want string // the ruling begins so
}

// Rows of tries: what one means depends on those before.
func TestJudgeRows(t *testing.T) {
	const m, s = time.Minute, time.Second
	const retry, mute1 = "retry", "retry in 1s, waits 0s, uncounted"
	for name, steps := range map[string][]step{
		"five failures over three keys": {
			{0, 1, "A", errHTTP500, false, retry}, {0, 2, "B", errHTTP500, false, retry}, {0, 1, "A", errHTTP500, false, retry},
			{0, 3, "C", errHTTP500, false, retry}, {0, 1, "A", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500, PAUSE unreachable"},
		},
		"five failures over two keys, until a third comes": {
			{0, 1, "A", errHTTP500, false, retry}, {0, 2, "B", errHTTP500, false, retry}, {0, 1, "A", errHTTP500, false, retry},
			{0, 2, "B", errHTTP500, false, retry}, {0, 1, "A", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500$"},
			{0, 3, "C", err404, false, "retry in 1m0s, waits 1m0s, HTTP 404, PAUSE not_found"},
		},
		"a success begins the row anew": {
			{0, 1, "A", errHTTP500, false, retry}, {0, 2, "B", errHTTP500, false, retry}, {0, 3, "C", errHTTP500, false, retry},
			{0, 4, "D", errHTTP500, false, retry}, {0, 5, "E", nil, false, "delivered"},
			{0, 1, "A", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500$"}, {0, 2, "B", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500$"},
			{0, 3, "C", errHTTP500, false, retry}, {0, 4, "D", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500$"},
			{0, 6, "A", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500, PAUSE"},
		},
		"refused and throttled ones stand aside": {
			{0, 1, "A", errHTTP500, false, retry}, {0, 2, "B", errHTTP500, false, retry}, {0, 3, "C", errHTTP500, false, retry},
			{0, 6, "F", err422, false, "dead"}, {0, 7, "G", err429, false, mute1}, {0, 4, "D", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500$"},
			{0, 5, "E", errHTTP500, false, "retry in 1s, waits 1s, HTTP 500, PAUSE"},
		},
		"no connection, five times with one key": {
			{0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errNoWay, false, retry},
			{0, 1, "A", errNoWay, false, "retry in 1s, waits 1s, connection refused$"},
			{0, 1, "A", errNoWay, false, "retry in 1s, waits 1s, connection refused, PAUSE unreachable"},
		},
		"no connection, but not in a row": {
			{0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errHTTP500, false, retry},
			{0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errNoWay, false, retry}, {0, 1, "A", errNoWay, false, retry},
			{0, 1, "A", errNoWay, false, "retry in 1s, waits 1s, connection refused$"},
			{0, 1, "A", errNoWay, false, "retry in 1s, waits 1s, connection refused, PAUSE unreachable"},
		},
		"doubtful again, while another key gets through": {
			{0, 1, "A", err404, false, "retry in 1m0s, waits 1m0s"}, {s, 2, "B", nil, false, "delivered"},
			{59 * s, 1, "A", err404, false, "dead, HTTP 404"},
		},
		"doubtful again, while only its own key gets through": {
			{0, 1, "A", err404, false, "retry in 1m0s"}, {s, 2, "A", nil, false, "delivered"}, {59 * s, 1, "A", err404, false, "retry in 1m0s"},
		},
		"doubtful again, another key got through before": {
			{0, 2, "B", nil, false, "delivered"}, {0, 1, "A", err404, false, "retry in 1m0s"}, {m, 1, "A", err404, false, "retry in 1m0s"},
		},
		"doubtful again, another key got through long ago but after it": {
			{0, 1, "A", err404, false, "retry in 1m0s"}, {m, 1, "A", err404, false, "retry in 1m0s"}, {s, 2, "B", nil, false, "delivered"},
			{s, 3, "A", nil, false, "delivered"}, {s, 4, "A", nil, false, "delivered"}, {m, 1, "A", err404, false, "dead, HTTP 404"},
		},
		"transient, then doubtful for the first time": {
			{0, 1, "A", errHTTP500, false, "retry in 1s"}, {s, 2, "B", nil, false, "delivered"}, {s, 1, "A", err404, false, "retry in 1m0s"},
		},
		"doubtful after an outage of a minute gets a minute": {
			{0, 1, "A", err404, false, "retry in 1m0s"}, {0, 9, "X", errAuth, false, "retry in 0s, waits 0s, wrong password (SASL), PAUSE auth"},
			{m, 2, "B", nil, true, "delivered, RESUMED"}, {s, 1, "A", err404, false, "retry in 1m0s, waits 1m0s"},
			{m, 1, "A", err404, false, "dead, HTTP 404"},
		},
		"doubtful after a shorter outage": {
			{0, 1, "A", err404, false, "retry in 1m0s"}, {0, 9, "X", errAuth, false, retry},
			{59 * s, 2, "B", nil, true, "delivered, RESUMED"}, {s, 1, "A", err404, false, "dead, HTTP 404"},
		},
		"throttled, its own wait doubles up to a minute": {
			{0, 1, "A", err429, false, "retry in 1s"}, {s, 1, "A", err429, false, "retry in 2s"}, {s, 1, "A", err429, false, "retry in 4s"},
			{s, 1, "A", err429, true, "retry in 8s"}, {s, 1, "A", err429, true, "retry in 16s"}, {s, 1, "A", err429, true, "retry in 32s"},
			{s, 1, "A", err429, true, "retry in 1m0s"}, {s, 1, "A", err429, true, "retry in 1m0s, waits 0s, uncounted"},
		},
		"throttled again although another key got through": {
			{0, 1, "A", err429, false, mute1}, {0, 2, "B", nil, false, "delivered"}, {s, 1, "A", err429, false, "retry in 1s, waits 1s, HTTP 429$"},
			{s, 1, "A", err429, false, "retry in 4s, waits 0s, uncounted"}, {0, 2, "B", nil, false, "delivered"},
			{s, 1, "A", throttledFor(20 * s), false, "retry in 20s, waits 20s, HTTP 429$"},
		},
		"throttled again although its own key got through": {
			{0, 1, "A", err429, false, mute1}, {0, 2, "A", nil, false, "delivered"}, {s, 1, "A", err429, false, "retry in 2s, waits 0s, uncounted"},
		},
		"throttled for ten minutes": {
			{0, 1, "A", err429, false, retry}, {0, 2, "B", err429, false, retry}, {0, 3, "C", err429, false, "retry in 1s, waits 0s, uncounted, HTTP 429$"},
			{10*m - 1, 4, "D", err429, true, "retry in 1s, waits 0s, uncounted, HTTP 429$"},
			{1, 5, "E", err429, true, "retry in 1s, waits 0s, uncounted, HTTP 429, PAUSE unreachable"},
		},
		"while paused nothing is burned": {
			{0, 1, "A", errAuth, false, "retry in 0s, waits 0s, wrong password (SASL), PAUSE auth"}, {0, 2, "B", errHTTP500, false, "retry in 0s, waits 0s, HTTP 500$"},
			{0, 3, "C", throttledFor(20 * m), true, "retry in 0s, waits 0s, uncounted, HTTP 429$"}, {0, 4, "D", err404, true, "retry in 1m0s, waits 0s, HTTP 404$"},
			{0, 5, "E", errNoWay, true, "retry in 0s, waits 0s"}, {0, 6, "F", err422, true, "dead, HTTP 422"},
			{0, 7, "G", nil, false, "delivered, RESUMED"}, {0, 8, "H", errHTTP500, false, "retry in 1s, waits 1s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			health, now := newHealth(), testNow
			for i, st := range steps {
				now = now.Add(st.wait)
				d := delivery(st.seq, st.bot, 1, 0)
				r := judge(&health, testLimits, try{delivery: d, err: st.err, solo: st.solo}, now, 1)
				if !r.at.IsZero() {
					r.at = testNow.Add(r.at.Sub(now))
				}
				if got := rule(r) + "$"; !strings.HasPrefix(got, st.want) {
					t.Errorf("step %d, %s %v:\ngot  %s\nwant %s", i, st.bot, st.err, got, st.want)
				}
			}
		})
	}
}

// While one of a key has been passed and none of it got through since, the next
// that fails is passed at once.
func TestPassedKeysWaitNoMore(t *testing.T) {
	h := newHealth()
	fails := func(d *Delivery) Verdict {
		return judge(&h, testLimits, try{delivery: d, err: errHTTP500}, testNow, 1).verdict
	}
	if got := fails(delivery(1, "A", 11, longestWaited)); got != Detach {
		t.Fatalf("the first: %v", got)
	}
	if got := fails(delivery(2, "A", 1, 0)); got != Detach {
		t.Errorf("the next of the key: %v, want Detach", got)
	}
	if got := fails(delivery(3, "B", 1, 0)); got != Retry {
		t.Errorf("one of another key: %v, want Retry", got)
	}
	judge(&h, testLimits, try{delivery: delivery(4, "A", 1, 0)}, testNow, 1)
	if got := fails(delivery(5, "A", 1, 0)); got != Retry {
		t.Errorf("after one of the key got through: %v, want Retry", got)
	}
}

// In one batch some get through and the rest is throttled: one step in the row.
func TestThrottledRestOfABatchIsOneStep(t *testing.T) {
	h := newHealth()
	for i := range 10 {
		judge(&h, testLimits, try{delivery: delivery(i, fmt.Sprint(i), 1, 0), err: err429, aside: i > 0}, testNow, 1)
	}
	if h.throttle.row != 1 || !h.throttle.since.IsZero() {
		t.Errorf("row %d, whole sink waits since %s", h.throttle.row, h.throttle.since)
	}
}

func TestThrottledSinkWaits(t *testing.T) {
	h, now := newHealth(), testNow
	say := func(i int, after time.Duration, solo bool) time.Duration {
		judge(&h, testLimits, try{delivery: delivery(i, fmt.Sprint(i), 1, 0), err: throttledFor(after), solo: solo}, now, 1)
		if h.throttle.until.IsZero() {
			return 0
		}
		return h.throttle.until.Sub(now)
	}
	got := []time.Duration{
		say(1, 0, false), say(2, 0, false), say(3, 0, false), // the third in a row
		say(4, 0, false), say(5, 7*time.Second, false), // were in flight: only the destination's word counts
		say(6, 0, true), say(7, 0, true), say(8, 30*time.Second, true), say(9, 0, true), say(10, 0, true), say(11, 0, true), say(12, 0, true),
	}
	if diff := cmp.Diff(seconds(0, 0, 1, 1, 7, 2, 4, 30, 16, 32, 60, 60), got); diff != "" {
		t.Errorf("the whole sink waits (-want +got):\n%s", diff)
	}
	judge(&h, testLimits, try{delivery: delivery(20, "20", 1, 0)}, now, 1)
	if !h.throttle.since.IsZero() || h.throttle.row != 0 {
		t.Errorf("a success does not end it: %+v", h.throttle)
	}
}

func TestProbeClock(t *testing.T) {
	h, now := newHealth(), testNow
	judge(&h, testLimits, try{delivery: delivery(1, "A", 1, 0), err: errAuth}, now, 1)
	next := func() time.Duration { return h.pause.next.Sub(now) }
	got := []time.Duration{next()}
	probe := func(err error) {
		now = h.pause.next
		judge(&h, testLimits, try{delivery: delivery(1, "A", 2, 0), err: err, solo: true}, now, 1)
		got = append(got, next())
	}
	for range 5 {
		probe(errAuth)
	}
	probe(throttledFor(25 * time.Minute)) // Retry-After as a floor
	probe(throttledFor(5 * time.Hour))
	probe(err422) // says nothing about the sink
	probe(errAuth)
	if diff := cmp.Diff(seconds(5, 10, 20, 40, 60, 60, 25*60, 3600, 5, 10), got); diff != "" {
		t.Errorf("waits before the probes (-want +got):\n%s", diff)
	}
	judge(&h, testLimits, try{delivery: delivery(2, "B", 1, 0), err: errAuth}, now, 1)
	if next() != 10*time.Second {
		t.Errorf("what was in flight moved the next probe to %s", next())
	}
}

func TestPauseIsCalledAfterTheLatestCause(t *testing.T) {
	h := newHealth()
	judge(&h, testLimits, try{delivery: delivery(1, "A", 1, 0), err: errAuth}, testNow, 1)
	judge(&h, testLimits, try{delivery: delivery(1, "A", 2, 0), err: errNoWay, solo: true}, testNow.Add(time.Minute), 1)
	want := Pause{Since: testNow, Why: "connection refused", Cause: CauseUnreachable}
	if h.pause.Pause != want {
		t.Errorf("got %+v, want %+v", h.pause.Pause, want)
	}
}

func TestChoose(t *testing.T) {
	tried, fresh := delivery(1, "A", 2, 0), delivery(2, "B", 1, 0)
	uncounted := delivery(3, "C", 1, 0)
	uncounted.First = testNow
	sibling := delivery(4, "B", 1, 0)
	t.Run("paused", func(t *testing.T) {
		h := newHealth()
		h.beginPause(&Fault{Err: errHTTP500}, testNow)
		check := func(want int, ds ...*Delivery) {
			t.Helper()
			if got := h.choose(ds); got != want {
				t.Errorf("chose %d, want %d", got, want)
			}
		}
		check(2, tried, uncounted, fresh)
		h.pause.probed.put(identify(fresh), 1, testNow)
		check(1, sibling, tried) // another key rather than one never tried
		h.pause.probed.put(identify(tried), 2, testNow)
		check(0, sibling, tried) // the key asked longest ago
	})
	t.Run("throttled", func(t *testing.T) {
		h := newHealth()
		for range throttledInRow {
			judge(&h, testLimits, try{delivery: tried, err: err429}, testNow, 1)
		}
		if got := h.choose([]*Delivery{tried, fresh}); got != 1 {
			t.Errorf("chose %d, want the one that was not throttled", got)
		}
		if got := h.choose([]*Delivery{tried}); got != 0 {
			t.Errorf("chose %d of one", got)
		}
	})
}
