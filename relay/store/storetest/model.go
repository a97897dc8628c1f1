package storetest

import (
	"fmt"
	"math/rand/v2"
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
