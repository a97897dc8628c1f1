package receive

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is what became of a verified request that was answered 2xx.
type result uint8

const (
	resultAccepted result = iota
	resultDuplicate
	resultFiltered
	resultQuarantined
	resultCount
)

// String is the result as metrics name it.
func (r result) String() string {
	return [resultCount]string{"accepted", "duplicate", "filtered", "quarantined"}[r]
}

// tally counts for one source, for as long as the process lives.
type tally struct {
	name    string
	results [resultCount]atomic.Uint64
	refused [causeCount]atomic.Uint64
	untold  [causeCount]untold
	last    atomic.Int64 // Unix nanoseconds
	used    map[[sha256.Size]byte]*atomic.Int64
}

// untold is what has not been logged yet of one cause.
type untold struct {
	count  atomic.Uint64
	latest atomic.Pointer[Refusal]
}

// tallies holds the tally of every source that there has been, by name, and
// that of requests which concern none.
type tallies struct {
	nobody tally

	mu     sync.Mutex
	byName map[string]*tally
}

func (k *tallies) init() { k.byName = map[string]*tally{} }

// of returns the tally of a source and, for each secret of its verifier, when
// it was last used.
func (k *tallies) of(name string, v *Verifier) (*tally, []*atomic.Int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.byName[name]
	if t == nil {
		t = &tally{name: name, used: map[[sha256.Size]byte]*atomic.Int64{}}
		k.byName[name] = t
	}
	used := make([]*atomic.Int64, len(v.secrets))
	for i, s := range v.secrets {
		if t.used[s.sum] == nil {
			t.used[s.sum] = new(atomic.Int64)
		}
		used[i] = t.used[s.sum]
	}
	return t, used
}

// all returns every tally, that of nobody first, the others by name.
func (k *tallies) all() []*tally {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []*tally{&k.nobody}
	for _, name := range slices.Sorted(maps.Keys(k.byName)) {
		list = append(list, k.byName[name])
	}
	return list
}

// Stats is what a Receiver has counted since it was made.
type Stats struct {
	Sources []SourceStats // those configured now, in their order
	// Unknown counts the requests that concern no source, by reason. Every
	// reason is there.
	Unknown map[string]uint64
	Accept  Histogram // from a request's headers to its 2xx
}

// SourceStats are the counters of one source. They go on across reloads.
// Accepted, Duplicate, Filtered and Quarantined add up to the requests
// answered 2xx.
type SourceStats struct {
	Name        string
	Accepted    uint64 // new, with a delivery
	Duplicate   uint64
	Conflict    uint64            // those of Duplicate that came with another body
	Filtered    uint64            // new, wanted by no route
	Quarantined uint64            // new, not understood
	Refused     map[string]uint64 // by reason; every reason is there
	LastEvent   time.Time         // received; of the latest request answered 2xx; zero if there was none
	Secrets     []SecretStats     // in the order of the configuration
}

// SecretStats tells whether a secret is in use.
type SecretStats struct {
	Fingerprint string    // as of [Verifier.Fingerprints]
	LastUsed    time.Time // zero if never
}

// Stats returns a snapshot, which is the caller's own. Counters that change
// meanwhile may or may not be in it.
func (r *Receiver) Stats() Stats {
	t := r.table.Load()
	s := Stats{Unknown: r.known.nobody.byReason(), Accept: r.accepts.snapshot()}
	for _, e := range t.sources {
		c := e.tally
		one := SourceStats{
			Name:        e.Name,
			Accepted:    c.results[resultAccepted].Load(),
			Duplicate:   c.results[resultDuplicate].Load(),
			Conflict:    c.refused[causeConflict].Load(),
			Filtered:    c.results[resultFiltered].Load(),
			Quarantined: c.results[resultQuarantined].Load(),
			Refused:     c.byReason(),
			LastEvent:   instant(c.last.Load()),
		}
		for i, print := range e.Verifier.Fingerprints() {
			one.Secrets = append(one.Secrets, SecretStats{print, instant(e.used[i].Load())})
		}
		s.Sources = append(s.Sources, one)
	}
	return s
}

// byReason adds up the refusals.
func (t *tally) byReason() map[string]uint64 {
	sums := make(map[string]uint64, len(Reasons()))
	for _, reason := range Reasons() {
		sums[reason] = 0
	}
	for c := range causeConflict {
		sums[causes[c].reason] += t.refused[c].Load()
	}
	return sums
}

func instant(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
