package storetest

import (
	"bytes"
	"fmt"
	"time"
)

var memoryTests = []test{
	{"a value survives a crash", memorySurvives},
	{"owners share nothing", memoryOwners},
	{"a value is forgotten after its time", memoryForgets},
	{"age is believed once the clock is proved", memoryUnproved},
	{"a nil value forgets at once", memoryNil},
	{"List goes in order and stops when told", memoryList},
	{"any bytes come back", memoryBytes},
}

func (e *env) remember(owner, key, value string, keep time.Duration) {
	e.Helper()
	if err := e.store.Put(e.ctx, owner, key, []byte(value), keep); err != nil {
		e.Fatalf("put %s/%s: %v", owner, key, err)
	}
}

// recall expects a value; "" is none.
func (e *env) recall(owner, key, want string) {
	e.Helper()
	got, err := e.store.Get(e.ctx, owner, key)
	if err != nil || string(got) != want || want == "" && got != nil {
		e.Errorf("get %s/%s: %q, %v, want %q", owner, key, got, err, want)
	}
}

// recallAll expects the keys with a prefix, in order.
func (e *env) recallAll(owner, prefix string, want ...string) {
	e.Helper()
	var got []string
	err := e.store.List(e.ctx, owner, prefix, func(key string, value []byte) bool {
		got = append(got, key+"="+string(value))
		return true
	})
	if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		e.Errorf("list %s/%s: %q, %v, want %q", owner, prefix, got, err, want)
	}
}

func memorySurvives(e *env) {
	e.recall("slack", "thread", "")
	e.remember("slack", "thread", "1", 0)
	e.remember("slack", "thread", "2", 0)
	e.recall("slack", "thread", "2")
	e.crash()
	e.recall("slack", "thread", "2")
	e.h.Advance(e.h.RetentionDead + 24*time.Hour)
	e.recall("slack", "thread", "2")
}

func memoryOwners(e *env) {
	e.remember("a", "key", "1", 0)
	e.remember("b", "key", "2", 0)
	e.remember("ab", "key", "3", 0)
	e.recall("a", "key", "1")
	e.recall("b", "key", "2")
	e.recall("a", "bkey", "")
	e.recallAll("a", "", "key=1")
}

func memoryForgets(e *env) {
	e.remember("a", "short", "1", 30*time.Second)
	e.remember("a", "renewed", "1", 30*time.Second)
	e.remember("a", "kept after all", "1", 30*time.Second)
	e.h.Advance(20 * time.Second)
	e.remember("a", "renewed", "2", 30*time.Second)
	e.remember("a", "kept after all", "2", 0)
	e.recall("a", "short", "1")
	e.h.Advance(11 * time.Second)
	e.recall("a", "short", "")
	e.recallAll("a", "", "kept after all=2", "renewed=2")
	e.h.Advance(20 * time.Second)
	e.recallAll("a", "", "kept after all=2")
}

func memoryUnproved(e *env) {
	e.remember("a", "short", "1", 30*time.Second)
	e.crash()
	e.h.Advance(3 * time.Hour)
	e.recall("a", "short", "1")
	e.recallAll("a", "", "short=1")
	e.h.Prove()
	e.recall("a", "short", "")
	e.recallAll("a", "")
}

func memoryNil(e *env) {
	e.remember("a", "key", "1", 0)
	for range 2 {
		if err := e.store.Put(e.ctx, "a", "key", nil, 0); err != nil {
			e.Fatal(err)
		}
		e.recall("a", "key", "")
		e.recallAll("a", "")
	}
	e.crash()
	e.recall("a", "key", "")
}

func memoryList(e *env) {
	for _, key := range []string{"b/2", "a", "b/10", "b", "b/1", "c", "b0"} {
		e.remember("o", key, key, 0)
	}
	e.recallAll("o", "b/", "b/1=b/1", "b/10=b/10", "b/2=b/2")
	e.recallAll("o", "b", "b=b", "b/1=b/1", "b/10=b/10", "b/2=b/2", "b0=b0")
	e.recallAll("o", "x")
	n := 0
	err := e.store.List(e.ctx, "o", "", func(key string, _ []byte) bool {
		n++
		e.recall("o", key, key) // the store can be used meanwhile
		e.remember("o", key, key, 0)
		return n < 2
	})
	if err != nil || n != 2 {
		e.Errorf("a List that was stopped after 2 yielded %d, %v", n, err)
	}
	for _, prefix := range []string{"%", "_", "*", "?", "["} {
		e.recallAll("o", prefix)
	}
}

func memoryBytes(e *env) {
	value := []byte("\x00\xff\xfe'\"\n")
	if err := e.store.Put(e.ctx, "o", "ü/ʞ", value, 0); err != nil {
		e.Fatal(err)
	}
	value[0] = 'x' // the store has its own copy
	if got, err := e.store.Get(e.ctx, "o", "ü/ʞ"); err != nil || !bytes.Equal(got, []byte("\x00\xff\xfe'\"\n")) {
		e.Errorf("got %q, %v", got, err)
	}
	if err := e.store.Put(e.ctx, "o", "empty", []byte{}, 0); err != nil {
		e.Fatal(err)
	}
	if got, err := e.store.Get(e.ctx, "o", "empty"); err != nil || got == nil || len(got) != 0 {
		e.Errorf("an empty value: %v, %v, want it there and empty", got, err)
	}
}
