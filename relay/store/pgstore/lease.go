package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"

	"botrelay/relay"
)

// newID is a name for this relay that no other has.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	return hex.EncodeToString(id[:])
}

// newEpoch is a number for one taking that no other has.
func newEpoch() int64 {
	var n [8]byte
	_, _ = rand.Read(n[:]) // it never fails
	return int64(binary.BigEndian.Uint64(n[:]))
}

// lease is one sink that is this relay's for a while.
type lease struct {
	epoch     int64
	taken     time.Duration // running time when it was taken
	until     time.Duration // running time at which it ends unless it is renewed
	leaving   bool          // nothing more is claimed; it is let go once nothing is in flight
	unclamped bool          // due times have not been looked at since it was taken
	read      int64         // the highest place that was read
	low       int64         // no ready row lies below

	held context.Context // ends with the lease
	end  context.CancelFunc
}

// sinkRow is a row of the table of sinks as it was last seen.
type sinkRow struct {
	paused       bool
	turn         int64
	owner        string
	epoch, beat  int64
	low, lastOK  int64
	since        time.Duration // running time when owner, epoch and beat were first seen so
	abstainUntil time.Duration // this relay has let it go and leaves it to others till then
}

// interest is that this relay wants to send for a sink.
type interest struct {
	claims int           // under way
	last   time.Duration // running time when the last one began or ended
	tried  time.Duration // and when one last looked for the lease
}

// forgetInterest is after how long a sink is not wanted any more that nobody
// claims for. A paused one is probed more often.
const forgetInterest = 5 * time.Minute

// leases is what this relay owns, wants and knows of the sinks.
type leases struct {
	mu     sync.Mutex
	held   map[string]*lease
	wanted map[string]*interest
	rows   map[string]*sinkRow
	peers  map[string]*peer
}

func (l *leases) init() {
	l.held, l.wanted = make(map[string]*lease), make(map[string]*interest)
	l.rows, l.peers = make(map[string]*sinkRow), make(map[string]*peer)
}

// strangers returns the sinks that have no row yet, and those that another
// relay owns, which is to be told of what comes.
func (l *leases) strangers(sinks []string) (unknown, others []string) {
	unknown, others = []string{}, []string{}
	looked := make(map[string]bool)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sink := range sinks {
		if looked[sink] {
			continue
		}
		looked[sink] = true
		row := l.rows[sink]
		switch {
		case row == nil:
			unknown = append(unknown, sink)
		case l.held[sink] == nil && row.owner != "":
			others = append(others, sink)
		}
	}
	return unknown, others
}

// know notes that sinks have their rows.
func (l *leases) know(sinks []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sink := range sinks {
		l.row(sink)
	}
}

// row is what is known of a sink. The lock is held.
func (l *leases) row(sink string) *sinkRow {
	r := l.rows[sink]
	if r == nil {
		r = &sinkRow{}
		l.rows[sink] = r
	}
	return r
}

// state tells whether claims for the sink get nothing, and its turn.
func (l *leases) state(sink string) (paused bool, turn int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held[sink]
	row := l.rows[sink]
	if row == nil {
		return held == nil, 0
	}
	return row.paused || held == nil || held.leaving, row.turn
}

// valid returns the lease of a sink if it is this relay's at this moment.
func (s *Store) valid(sink string) (l lease, ok bool) {
	now := s.opts.Boot()
	s.leases.mu.Lock()
	held := s.leases.held[sink]
	if held != nil && now < held.until {
		l, ok = *held, true
	}
	s.leases.mu.Unlock()
	if held != nil && !ok {
		s.lose(sink, held.epoch, "it could not be renewed in time")
	}
	return l, ok
}

// lose ends the lease of a sink, if it is still that of the epoch: nothing more
// is claimed, sends in flight are told, and what is known of the order is
// thrown away.
func (s *Store) lose(sink string, epoch int64, why string) {
	s.leases.mu.Lock()
	held := s.leases.held[sink]
	ours := held != nil && held.epoch == epoch
	if ours {
		delete(s.leases.held, sink)
		held.end()
	}
	s.leases.mu.Unlock()
	if ours {
		s.lost(sink, why)
	}
}

// lost throws away what was known of a sink whose lease has ended.
func (s *Store) lost(sink, why string) {
	s.flying.forget(sink)
	s.Forget(sink)
	if why != "" {
		s.log().Warn("the lease of a sink was lost: another relay sends for it, what was in flight may go out twice", "sink", sink, "why", why)
	}
}

// readUpTo notes how far the ready rows of a sink have been read.
func (s *Store) readUpTo(sink string, epoch, pos int64) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if held := s.leases.held[sink]; held != nil && held.epoch == epoch {
		held.read = max(held.read, pos)
	}
}

// lowOf is below which place no ready row of the sink lies.
func (s *Store) lowOf(sink string) int64 {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	low := int64(0)
	if row := s.leases.rows[sink]; row != nil {
		low = row.low
	}
	if held := s.leases.held[sink]; held != nil {
		low = max(low, held.low)
	}
	return low
}

// Claim is [relay.Queue]'s. The first claim for a sink that nobody sends for
// takes its lease.
func (s *Store) Claim(ctx context.Context, sink string, max int) ([]*relay.Delivery, error) {
	s.want(ctx, sink)
	defer s.wantLess(sink)
	ds, err := s.Handout.Claim(ctx, sink, max)
	s.flying.add(sink, ds)
	return ds, err
}

// lastLook bounds the look for a lease of a Claim whose ctx was done before.
const lastLook = 5 * time.Second

// want notes the interest in a sink, and looks for its lease.
func (s *Store) want(ctx context.Context, sink string) {
	now := s.opts.Boot()
	s.leases.mu.Lock()
	w := s.leases.wanted[sink]
	fresh := w == nil
	if fresh {
		w = &interest{}
		s.leases.wanted[sink] = w
	}
	w.claims++
	w.last = now
	look := s.leases.held[sink] == nil && (fresh || now-w.tried >= lookEvery)
	if look {
		w.tried = now
	}
	s.leases.mu.Unlock()
	if !look {
		return
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastLook)
		defer cancel()
	}
	_ = s.look(ctx, false) // the claim waits for the next one
}

func (s *Store) wantLess(sink string) {
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	if w := s.leases.wanted[sink]; w != nil {
		w.claims--
		w.last = s.opts.Boot()
	}
}

// Settle is [relay.Queue]'s.
func (s *Store) Settle(ctx context.Context, done ...relay.Settlement) error {
	err := s.Handout.Settle(ctx, done...)
	s.flying.remove(done)
	return err
}

// flying is the deliveries that are claimed and not settled: a sink is let go
// when it has none.
type flying struct {
	mu   sync.Mutex
	sink map[string]map[*relay.Delivery]struct{}
}

func (f *flying) add(sink string, ds []*relay.Delivery) {
	if len(ds) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sink == nil {
		f.sink = make(map[string]map[*relay.Delivery]struct{})
	}
	if f.sink[sink] == nil {
		f.sink[sink] = make(map[*relay.Delivery]struct{})
	}
	for _, d := range ds {
		f.sink[sink][d] = struct{}{}
	}
}

func (f *flying) remove(done []relay.Settlement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range done {
		delete(f.sink[done[i].Sink], done[i].Delivery)
	}
}

func (f *flying) forget(sink string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sink, sink)
}

func (f *flying) count(sink string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sink[sink])
}
