package relay

import "time"

// memo remembers a value for each of a bounded number of keys. When it is full,
// what was put longest ago goes once it has reached the age; until then new
// keys are not remembered, so that what is known makes progress instead of
// being pushed out before it is asked for.
type memo[K comparable, V any] struct {
	limit   int
	age     time.Duration
	entries map[K]memoEntry[V]
	swept   time.Time
}

type memoEntry[V any] struct {
	value V
	put   time.Time
}

// memoSweep is how often a full memo is searched for old entries.
const memoSweep = time.Minute

func newMemo[K comparable, V any](limit int, age time.Duration) memo[K, V] {
	return memo[K, V]{limit: limit, age: age, entries: map[K]memoEntry[V]{}}
}

func (m *memo[K, V]) get(key K) (V, bool) {
	e, ok := m.entries[key]
	return e.value, ok
}

func (m *memo[K, V]) put(key K, value V, now time.Time) {
	if _, known := m.entries[key]; !known && len(m.entries) >= m.limit {
		m.sweep(now)
		if len(m.entries) >= m.limit {
			return
		}
	}
	m.entries[key] = memoEntry[V]{value, now}
}

func (m *memo[K, V]) sweep(now time.Time) {
	if now.Sub(m.swept) < memoSweep {
		return
	}
	m.swept = now
	for key, e := range m.entries {
		if now.Sub(e.put) >= m.age {
			delete(m.entries, key)
		}
	}
}

func (m *memo[K, V]) forget(key K) {
	if len(m.entries) > 0 {
		delete(m.entries, key)
	}
}
