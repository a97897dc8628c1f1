package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"botrelay/relay"
)

// eligible returns the rows of a sink that may be handed out now.
func (m *model) eligible(sink string) map[relay.Ref]*modelRow {
	may := make(map[relay.Ref]*modelRow)
	if m.paused[sink] || m.lost[sink] {
		return may
	}
	flying, first := make(map[string]bool), make(map[string]*modelRow)
	claimed := make(map[*modelRow]bool)
	for _, c := range m.claims {
		if !c.void && c.d.Sink == sink {
			if c.d.Key != "" && !c.d.OutOfOrder {
				flying[c.d.Key] = true
			}
			claimed[c.row] = c.pos == c.row.pos || claimed[c.row]
		}
	}
	for _, r := range m.rows {
		if r.ref.Sink == sink && r.open() && r.inOrder() && (first[r.key] == nil || r.pos < first[r.key].pos) {
			first[r.key] = r
		}
	}
	for _, r := range m.rows {
		if r.ref.Sink != sink || !r.open() || claimed[r] || r.waits && r.due.After(m.h.Now()) {
			continue
		}
		if r.inOrder() && (first[r.key] != r || flying[r.key]) {
			continue
		}
		may[r.ref] = r
	}
	return may
}

func (m *model) doClaim() { m.claimSome(m.sink(), 1+m.rand.IntN(12)) }

// claimSome claims and compares with what may be handed out.
func (m *model) claimSome(sink string, n int) int {
	m.mayBury(sink)
	ds := m.claim(sink, n)
	m.say("claim %d for %s: %q", n, sink, idsOf(ds))
	m.buried(sink)
	may := m.eligible(sink)
	keys := make(map[string]bool)
	for _, d := range ds {
		r := may[ref(d.Event.ID, d.Sink)]
		if r == nil {
			m.fail("%s was handed out for %s; its key has in the model:\n%s", d.Event.ID, sink, m.keyOf(sink, d.Key))
		}
		if d.Key != "" && keys[d.Key] {
			m.fail("key %q comes twice in one answer", d.Key)
		}
		keys[d.Key] = true
		if d.Attempt != r.attempts+1 || d.Replay != r.replay || d.Waited != r.waited || d.OutOfOrder != r.outOfOrder || d.Key != r.key {
			m.fail("%s was handed out as %+v, the model has %+v", d.Event.ID, d, r)
		}
		if want := m.events[d.Event.ID]; want.dead || string(want.event.Raw) != string(d.Event.Raw) {
			m.fail("%s was handed out with another body or damaged", d.Event.ID)
		}
		delete(may, r.ref)
		m.claims = append(m.claims, &modelClaim{d: d, row: r, pos: r.pos})
	}
	if len(ds) == 0 {
		for _, r := range may {
			m.fail("%s was withheld for %s: %+v; its claims: %s", r.ref.ID, sink, r, m.claimsOf(sink))
		}
	}
	return len(ds)
}

// keyOf lists the open rows of a key in order.
func (m *model) keyOf(sink, key string) string {
	var b strings.Builder
	for _, r := range m.inPlace(sink) {
		if r.key == key {
			fmt.Fprintf(&b, "%+v damaged=%v claimed=%v\n", *r, m.events[r.ref.ID].dead, m.claimed(r))
		}
	}
	return b.String()
}

func (m *model) claimsOf(sink string) string {
	var b strings.Builder
	for _, c := range m.claims {
		if c.d.Sink == sink {
			fmt.Fprintf(&b, "%s(void=%v) ", c.d.Event.ID, c.void)
		}
	}
	return b.String()
}

// mayBury notes which damaged rows a claim may meet: those that may be handed
// out, and those with nothing but damaged ones before them.
func (m *model) mayBury(sink string) {
	m.doomed = nil
	if !m.damage {
		return
	}
	var sound []*modelRow // damaged ones set aside for a moment
	for again := true; again; {
		again = false
		for _, r := range m.eligible(sink) {
			if m.events[r.ref.ID].dead {
				m.doomed = append(m.doomed, r)
				sound = append(sound, r)
				r.state, again = relay.StateDead, true
			}
		}
	}
	for _, r := range sound {
		r.state = relay.StatePending
		if r.attempts > 0 && r.waits {
			r.state = relay.StateRetrying
		}
	}
}

// buried takes over which of these the store has made dead letters: it may not
// have met them all, and no other.
func (m *model) buried(sink string) {
	if len(m.doomed) == 0 {
		return
	}
	dead := make(map[relay.Ref]bool)
	for _, s := range m.list(relay.Query{Sink: sink, State: relay.StateDead}) {
		dead[s.Ref] = true
	}
	for _, r := range m.doomed {
		if dead[r.ref] {
			r.state, r.waits = relay.StateDead, false
		}
	}
}

func (m *model) doSettle() {
	if len(m.claims) == 0 {
		return
	}
	var done []relay.Settlement
	var picked []*modelClaim
	for range 1 + m.rand.IntN(min(8, len(m.claims))) {
		i := m.rand.IntN(len(m.claims))
		picked = append(picked, m.claims[i])
		m.claims = append(m.claims[:i], m.claims[i+1:]...)
		if len(m.claims) == 0 {
			break
		}
	}
	for _, c := range picked {
		verdict := []relay.Verdict{
			relay.Delivered, relay.Delivered, relay.Delivered, relay.Retry, relay.Retry, relay.Detach,
			relay.Dead, relay.Muted, relay.Release, relay.Release,
		}[m.rand.IntN(10)]
		s := m.settlement(c.d, verdict)
		if verdict == relay.Retry || verdict == relay.Detach {
			s.Wait = time.Duration(m.rand.IntN(60)) * time.Second
			s.At = m.h.Now().Add(s.Wait)
			s.Uncounted = verdict == relay.Retry && m.rand.IntN(4) == 0
		}
		done = append(done, s)
	}
	m.settleAll(done, picked)
}

// settleAll settles in the store and in the model, and compares what was lost.
func (m *model) settleAll(done []relay.Settlement, picked []*modelClaim) {
	lost, may := false, false // must, and may, a claim be lost
	for i, c := range picked {
		s := &done[i]
		m.say("settle %s for %s: verdict %d", c.d.Event.ID, c.d.Sink, s.Verdict)
		gone := c.void || m.lost[c.d.Sink] || m.rows[c.row.ref] != c.row || c.row.pos != c.pos ||
			!c.row.open() && (s.Verdict != relay.Delivered || c.row.state != relay.StateDropped)
		switch {
		case s.Verdict == relay.Release && !c.void:
			may = may || gone // it does not look
		case gone:
			lost = true
		default:
			m.settleRow(c.row, s)
		}
	}
	err := m.store.Settle(m.ctx, done...)
	if err != nil && !errors.Is(err, relay.ErrClaimLost) {
		m.fail("settle: %v", err)
	}
	if got := err != nil; got != lost && !(may && got) {
		m.fail("settle says %v, the model says lost = %v", err, lost)
	}
}

func (m *model) settleRow(r *modelRow, s *relay.Settlement) {
	if !s.Uncounted {
		r.attempts++
	}
	r.waits = false
	switch s.Verdict {
	case relay.Delivered:
		r.state = relay.StateDelivered
	case relay.Muted:
		r.state = relay.StateMuted
	case relay.Dead:
		r.state = relay.StateDead
	case relay.Retry, relay.Detach:
		r.waits, r.due = true, s.At
		r.waited += s.Wait
		r.outOfOrder = r.outOfOrder || s.Verdict == relay.Detach
		if r.attempts > 0 {
			r.state = relay.StateRetrying
		}
	}
}
