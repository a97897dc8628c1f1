package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
	"botrelay/relay/store"
)

var _ relay.Memory = (*Store)(nil)

// work is a job made of one function.
type work struct {
	asker
	change func(w *writer) error
	size   int
}

func (j *work) apply(w *writer) error { return j.change(w) }
func (j *work) rows() int             { return j.size }

// submit commits what change does, and waits for it.
func (s *Store) submit(ctx context.Context, size int, change func(w *writer) error) error {
	return s.do(&work{asker: newAsker(ctx), change: change, size: size})
}

// Get is [relay.Memory]'s.
func (s *Store) Get(ctx context.Context, owner, key string) (value []byte, err error) {
	forgotten := s.forgotten()
	err = s.read(ctx, func(d *db) error {
		return d.query(sqlMemoryGet, func(st *sqlite3.Stmt) bool {
			if st.ColumnInt64(1) > forgotten || st.ColumnInt64(1) == 0 {
				value = st.ColumnBlob(0, []byte{})
			}
			return false
		}, owner, key)
	})
	if err != nil {
		return nil, fmt.Errorf("recall %s/%s: %w", owner, key, err)
	}
	return value, nil
}

// Put is [relay.Memory]'s.
func (s *Store) Put(ctx context.Context, owner, key string, value []byte, keep time.Duration) error {
	value = bytes.Clone(value)
	err := s.submit(ctx, 1, func(w *writer) error {
		if value == nil {
			return w.exec(sqlMemoryDelete, owner, key)
		}
		var until int64
		if keep > 0 {
			until = store.Nanos(w.now.Add(keep))
		}
		return w.exec(sqlMemoryPut, owner, key, value, until)
	})
	if err != nil {
		return fmt.Errorf("remember %s/%s: %w", owner, key, err)
	}
	return nil
}

// List is [relay.Memory]'s. It reads in steps and holds nothing while yield
// runs, so yield may take its time and use the store.
func (s *Store) List(ctx context.Context, owner, prefix string, yield func(key string, value []byte) bool) error {
	type entry struct {
		key   string
		value []byte
	}
	const step = 256
	for from := prefix; ; {
		var entries []entry
		forgotten := s.forgotten()
		err := s.read(ctx, func(d *db) error {
			return d.query(sqlMemoryList, func(st *sqlite3.Stmt) bool {
				key := st.ColumnText(0)
				if !strings.HasPrefix(key, prefix) {
					return false
				}
				if st.ColumnInt64(2) > forgotten || st.ColumnInt64(2) == 0 {
					entries = append(entries, entry{key, st.ColumnBlob(1, []byte{})})
				}
				return len(entries) < step
			}, owner, from)
		})
		if err != nil {
			return fmt.Errorf("recall %s/%s*: %w", owner, prefix, err)
		}
		for _, e := range entries {
			if !yield(e.key, e.value) {
				return nil
			}
		}
		if len(entries) < step {
			return nil
		}
		from = entries[step-1].key + "\x00" // the next possible key
	}
}

// forgotten is the end of the values that have had their time by now. Nothing
// is forgotten by a clock that is not believed, nor by one that has just jumped.
func (s *Store) forgotten() int64 {
	now := s.opts.Clock.Now()
	s.compareClocks(now)
	if !s.age.Believed() {
		return 0
	}
	return store.Nanos(now)
}
