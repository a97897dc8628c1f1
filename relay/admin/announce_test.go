package admin

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A relay that lives is listed, one that has ended is not, and a vanished one
// is believed for half a minute.
func TestAnnounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := newMapMemory()
		s := &Server{opts: Options{Memory: memory}}
		names := func() (sinks []string) {
			relays, err := s.living(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range relays {
				sinks = append(sinks, r.Sinks...)
			}
			return sinks
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Announce(ctx, memory, func() RelayStatus { return RelayStatus{Version: "1", Sinks: []string{"lake"}} })
		}()
		for range 20 {
			time.Sleep(7 * time.Second)
			if got := names(); len(got) != 1 || got[0] != "lake" {
				t.Fatalf("while it lives: %v", got)
			}
		}
		if relays, _ := s.living(t.Context()); !knownElsewhere(relays, "lake") || knownElsewhere(relays, "pond") {
			t.Error("lake is not known, or pond is")
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := names(); len(got) != 0 {
			t.Errorf("after its end: %v", got)
		}
	})
}

// mapMemory is a Memory whose values are forgotten in time.
type mapMemory struct {
	mu     sync.Mutex
	values map[string][]byte
	until  map[string]time.Time
}

func newMapMemory() *mapMemory {
	return &mapMemory{values: map[string][]byte{}, until: map[string]time.Time{}}
}

func (m *mapMemory) Get(_ context.Context, owner, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[owner+"/"+key], nil
}

func (m *mapMemory) Put(_ context.Context, owner, key string, value []byte, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value == nil {
		delete(m.values, owner+"/"+key)
		return nil
	}
	m.values[owner+"/"+key], m.until[owner+"/"+key] = value, time.Now().Add(keep)
	return nil
}

func (m *mapMemory) List(_ context.Context, owner, prefix string, yield func(string, []byte) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		if time.Now().Before(m.until[key]) && !yield(key[len(owner)+1:], value) {
			return nil
		}
	}
	return nil
}
