package storetest

import (
	"fmt"
	"slices"
	"time"

	"botrelay/relay"
)

func (m *model) doAppend() {
	for range 1 + m.rand.IntN(4) {
		m.appendOne([]string{"hot", "hot", "hot", "a", "b", "c", "d", "e"}[m.rand.IntN(8)])
	}
}

// doHotKey fills more than a key's share of the window.
func (m *model) doHotKey() {
	for range 20 + m.rand.IntN(20) {
		m.appendOne("hot")
	}
}

func (m *model) appendOne(bot string) {
	m.nextID++
	ev := m.event(fmt.Sprintf("%d", m.nextID), bot)
	ev.Raw = fmt.Appendf(nil, "%*d", 1+m.rand.IntN(40), m.nextID)
	m.pos++
	var to []relay.Target
	for _, sink := range modelSinks {
		if m.rand.IntN(5) == 0 {
			continue
		}
		target := relay.Target{Sink: sink, Key: ev.OrderKey(), Route: "r"}
		switch m.rand.IntN(12) {
		case 0:
			target.Key = ""
		case 1:
			target.Key, target.After = "", m.h.Now().Add(time.Duration(m.rand.IntN(90))*time.Second)
		}
		to = append(to, target)
		r := &modelRow{
			ref: ref(ev.ID, sink), pos: m.pos, key: target.Key, state: relay.StatePending,
			waits: !target.After.IsZero(), due: target.After,
		}
		m.rows[r.ref] = r
	}
	m.say("append %s of %s to %+v", ev.ID, bot, to)
	m.append(ev, to...)
	m.events[ev.ID] = &modelEvent{event: ev}
	m.ids = append(m.ids, ev.ID)
}

func (m *model) doAdvance() {
	d := time.Duration(m.rand.IntN(40)) * time.Second
	m.say("advance %v", d)
	m.h.Advance(d)
	m.lookForRemoved()
}

// someRef names a row, or sometimes a pair that has none.
func (m *model) someRef() (relay.Ref, bool) {
	if len(m.ids) == 0 {
		return relay.Ref{}, false
	}
	return ref(m.ids[m.rand.IntN(len(m.ids))], m.sink()), true
}

func (m *model) doRequeue() {
	for range 1 + m.rand.IntN(4) {
		at, ok := m.someRef()
		if !ok {
			return
		}
		m.say("requeue %v", at)
		r, want := m.rows[at], true
		switch {
		case m.events[at.ID] == nil:
			want = false
		case r == nil:
			m.pos++
			m.rows[at] = &modelRow{ref: at, pos: m.pos, key: m.replayKey(at), state: relay.StatePending, replay: 1}
		case r.state == relay.StateRetrying:
			r.due = m.h.Now()
		case r.open():
			want = false
		default:
			m.pos++
			*r = modelRow{ref: at, pos: m.pos, key: m.replayKey(at), state: relay.StatePending, replay: r.replay + 1}
		}
		done, err := m.store.Requeue(m.ctx, at)
		if err != nil || len(done) != 1 || done[0].Changed != want {
			if err != nil || !m.claimed(r) { // a claimed one is left alone, which a store may not know
				m.fail("requeue %v: got %+v, %v; want changed = %v", at, done, err, want)
			}
		}
	}
}

func (m *model) replayKey(at relay.Ref) string { return "+" + m.events[at.ID].event.OrderKey() }

func (m *model) claimed(r *modelRow) bool {
	for _, c := range m.claims {
		if r != nil && c.row == r && !c.void {
			return true
		}
	}
	return false
}

func (m *model) doDrop() {
	at, ok := m.someRef()
	if !ok {
		return
	}
	m.say("drop %v", at)
	r := m.rows[at]
	want := r != nil && (r.open() || r.state == relay.StateDead)
	done, err := m.store.Drop(m.ctx, at)
	if err != nil || len(done) != 1 || done[0].Changed != want {
		m.fail("drop %v: got %+v, %v; want changed = %v", at, done, err, want)
	}
	if want {
		r.state, r.waits = relay.StateDropped, false
	}
}

func (m *model) doMove() {
	from, to := modelSinks[0], modelSinks[1]
	if m.rand.IntN(2) == 0 {
		from, to = to, from
	}
	m.say("move %s to %s", from, to)
	moved := m.inPlace(from)
	if _, err := m.store.Move(m.ctx, from, to); err != nil {
		m.fail("move: %v", err)
	}
	for _, r := range moved {
		at := relay.Ref{Source: r.ref.Source, ID: r.ref.ID, Sink: to}
		if m.rows[at] == nil {
			m.pos++
			m.rows[at] = &modelRow{ref: at, pos: m.pos, key: m.replayKey(at), state: relay.StatePending, replay: 1}
		}
		r.state, r.waits = relay.StateDropped, false
	}
}

func (m *model) doPause() {
	sink := m.sink()
	m.paused[sink] = !m.paused[sink]
	m.say("pause %s = %v", sink, m.paused[sink])
	if err := m.store.Pause(m.ctx, sink, m.paused[sink]); err != nil {
		m.fail("pause: %v", err)
	}
}

func (m *model) doCrash() {
	m.say("crash")
	for _, sink := range modelSinks {
		if m.lost[sink] {
			m.regain(sink)
		}
	}
	m.crash()
	m.h.Prove()
	for _, c := range m.claims {
		c.void = true
	}
}

func (m *model) doLose() {
	if m.h.Lose == nil {
		return
	}
	sink := m.sink()
	if m.lost[sink] {
		m.regain(sink)
		return
	}
	m.say("lose %s", sink)
	m.lost[sink] = true
	m.h.Lose(sink)
}

func (m *model) regain(sink string) {
	m.say("regain %s", sink)
	m.lost[sink] = false
	m.h.Regain(sink)
	for _, c := range m.claims {
		if c.d.Sink == sink {
			c.void = true
		}
	}
}

// doRetention lets what is finished go, as far as the store likes, and checks
// that nothing else went.
func (m *model) doRetention() {
	m.say("retention")
	m.h.Advance(m.h.RetentionDead + 2*time.Hour)
	m.lookForRemoved()
}

func (m *model) lookForRemoved() {
	kept := m.ids[:0]
	for _, id := range m.ids {
		if m.h.Now().Sub(m.events[id].event.Received) < m.h.RetentionEvents {
			kept = append(kept, id)
			continue
		}
		ev, _, err := m.store.Event(m.ctx, source, id)
		if err != nil {
			m.fail("event %s: %v", id, err)
		}
		if ev != nil {
			kept = append(kept, id)
			continue
		}
		for _, sink := range modelSinks {
			if r := m.rows[ref(id, sink)]; r != nil && r.open() {
				m.fail("%s was removed while its delivery to %s is %s", id, sink, r.state)
			}
			delete(m.rows, ref(id, sink))
		}
		delete(m.events, id)
	}
	m.ids = kept
}

func (m *model) doDamage() {
	if m.h.Damage == nil || len(m.ids) == 0 {
		return
	}
	i := m.rand.IntN(len(m.ids))
	id := m.ids[i]
	for _, c := range m.claims {
		if c.d.Event.ID == id {
			return
		}
	}
	m.say("damage %s", id)
	m.damage, m.events[id].dead = true, true
	m.ids = slices.Delete(m.ids, i, i+1) // what people see of it is each store's own
	m.h.Damage(source, id)
}
