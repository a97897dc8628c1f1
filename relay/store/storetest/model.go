package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

// Model runs random operations against a store and a map side by side, from
// setup.Seeds seeds that begin with first. Whatever the store hands out has to
// be what the model may hand out; whatever the model could hand out must not
// be withheld; in the end every row is in the state that the model says.
func Model(t *testing.T, setup Setup, first uint64) {
	seeds, steps := setup.Seeds, setup.Steps
	if seeds == 0 {
		seeds = 20
	}
	if steps == 0 {
		steps = 200
	}
	around := setup.Around
	if around == nil {
		around = func(t *testing.T, test func(t *testing.T)) { test(t) }
	}
	for seed := first; seed < first+uint64(sized(seeds, 1)); seed++ {
		around(t, func(t *testing.T) {
			m := &model{
				env: newEnv(t, setup.New(t)), seed: seed, rand: rand.New(rand.NewPCG(seed, 0)),
				rows: make(map[relay.Ref]*modelRow), events: make(map[string]*modelEvent), paused: make(map[string]bool), lost: make(map[string]bool),
			}
			m.play(steps)
		})
		if t.Failed() {
			return
		}
	}
}

// modelRow is one delivery as the model knows it.
type modelRow struct {
	ref        relay.Ref
	pos        int // its place in the order
	key        string
	state      string // of the six that people see
	waits      bool   // it has a due time
	due        time.Time
	attempts   int
	replay     int
	waited     time.Duration
	outOfOrder bool
}

func (r *modelRow) open() bool {
	return r.state == relay.StatePending || r.state == relay.StateRetrying
}

// inOrder tells whether it holds others of its key back.
func (r *modelRow) inOrder() bool { return r.key != "" && !r.outOfOrder }

// modelClaim is one delivery that was handed out.
type modelClaim struct {
	d    *relay.Delivery
	row  *modelRow
	pos  int
	void bool // its store crashed or its sink was lost
}

type modelEvent struct {
	event *relay.Event
	dead  bool // damaged
}

// model is the state of one run.
type model struct {
	*env
	seed   uint64
	rand   *rand.Rand
	log    []string
	nextID int
	pos    int
	rows   map[relay.Ref]*modelRow
	events map[string]*modelEvent
	ids    []string
	claims []*modelClaim
	paused map[string]bool
	lost   map[string]bool
	damage bool        // something is damaged
	doomed []*modelRow // damaged rows that the claim under way may bury
}

var modelSinks = []string{"slack", "lake"}

func (m *model) fail(format string, args ...any) {
	m.Helper()
	tail := m.log[max(0, len(m.log)-60):]
	m.Fatalf("seed %d, step %d: %s\n%s", m.seed, len(m.log), fmt.Sprintf(format, args...), strings.Join(tail, "\n"))
}

func (m *model) say(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *model) sink() string { return modelSinks[m.rand.IntN(len(modelSinks))] }

// play makes the steps, drains the store, and compares.
func (m *model) play(steps int) {
	// Each run has its own taste, so that some are full of one thing.
	weights := make([]int, len(modelOps))
	total := 0
	for i, op := range modelOps {
		weights[i] = op.weight * (1 + m.rand.IntN(4))
		if !op.often && m.rand.IntN(2) == 0 {
			weights[i] = 0
		}
		total += weights[i]
	}
	for range steps {
		n := m.rand.IntN(total)
		for i, op := range modelOps {
			if n -= weights[i]; n < 0 {
				op.run(m)
				break
			}
		}
	}
	m.drain()
	m.compare()
}

var modelOps = []struct {
	weight int
	often  bool // never left out
	run    func(*model)
}{
	{20, true, (*model).doAppend},
	{20, true, (*model).doClaim},
	{25, true, (*model).doSettle},
	{8, true, (*model).doAdvance},
	{5, false, (*model).doRequeue},
	{4, false, (*model).doDrop},
	{1, false, (*model).doMove},
	{2, false, (*model).doPause},
	{2, false, (*model).doCrash},
	{2, false, (*model).doLose},
	{1, false, (*model).doRetention},
	{1, false, (*model).doDamage},
	{1, false, (*model).doHotKey},
}

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

// drain delivers everything that is left; each round takes at least one row or
// lets time pass.
func (m *model) drain() {
	for _, sink := range modelSinks {
		if m.lost[sink] {
			m.regain(sink)
		}
		if m.paused[sink] {
			m.paused[sink] = false
			if err := m.store.Pause(m.ctx, sink, false); err != nil {
				m.fail("resume: %v", err)
			}
		}
	}
	for range 5 {
		for took := 1; took > 0; {
			took = 0
			for _, sink := range modelSinks {
				m.settleClaims()
				took += m.claimSome(sink, 50)
			}
		}
		m.h.Advance(2 * time.Minute)
		m.lookForRemoved()
	}
	for _, r := range m.rows {
		if r.open() {
			m.fail("%v did not drain: %+v", r.ref, r)
		}
	}
}

func (m *model) settleClaims() {
	picked := m.claims
	m.claims = nil
	var done []relay.Settlement
	for _, c := range picked {
		done = append(done, m.settlement(c.d, relay.Delivered))
	}
	m.settleAll(done, picked)
}

// compare reads every delivery and wants the model's state.
func (m *model) compare() {
	if m.damage {
		return
	}
	m.lookForRemoved()
	got := make(map[relay.Ref]relay.Status)
	for _, s := range m.list(relay.Query{}) {
		if _, twice := got[s.Ref]; twice {
			m.fail("%v is listed twice", s.Ref)
		}
		got[s.Ref] = s
	}
	if len(got) != len(m.rows) {
		m.fail("%d deliveries are listed, the model has %d", len(got), len(m.rows))
	}
	for at, r := range m.rows {
		if s := got[at]; s.State != r.state || s.Attempts != r.attempts || s.Replay != r.replay || s.OutOfOrder != r.outOfOrder {
			m.fail("%v ended as %+v, the model has %+v", at, s, r)
		}
	}
}

// list reads all pages of deliveries.
func (m *model) list(q relay.Query) (all []relay.Status) {
	q.Limit = 50
	for {
		p, err := m.store.Deliveries(m.ctx, q)
		if err != nil {
			m.fail("deliveries: %v", err)
		}
		all = append(all, p.Items...)
		if q.From = p.Next; q.From == "" {
			return all
		}
	}
}

// inPlace returns the open rows of a sink in order.
func (m *model) inPlace(sink string) []*modelRow {
	var rows []*modelRow
	for _, r := range m.rows {
		if r.ref.Sink == sink && r.open() {
			i := len(rows)
			rows = append(rows, r)
			for ; i > 0 && rows[i-1].pos > r.pos; i-- {
				rows[i] = rows[i-1]
			}
			rows[i] = r
		}
	}
	return rows
}
