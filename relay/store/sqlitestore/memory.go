package sqlitestore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay"
)

var _ relay.Memory = (*Store)(nil)

// work is a job made of one function.
type work struct {
	answer
	change func(w *writer) error
	size   int
}

func (j *work) apply(w *writer) error { return j.change(w) }
func (j *work) rows() int             { return j.size }

// submit commits what change does, and waits for it.
func (s *Store) submit(ctx context.Context, size int, change func(w *writer) error) error {
	j := &work{answer: newAnswer(), change: change, size: size}
	return s.do(ctx, j, j.answer)
}

// Get is [relay.Memory]'s.
func (s *Store) Get(ctx context.Context, owner, key string) (value []byte, err error) {
	err = s.read(ctx, func(d *db) error {
		return d.query(sqlMemoryGet, func(st *sqlite3.Stmt) bool {
			if !s.forgotten(st.ColumnInt64(1)) {
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
	err := s.submit(ctx, 1, func(w *writer) error {
		if value == nil {
			return w.exec(sqlMemoryDelete, owner, key)
		}
		var until int64
		if keep > 0 {
			until = nanos(w.now.Add(keep))
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
		err := s.read(ctx, func(d *db) error {
			return d.query(sqlMemoryList, func(st *sqlite3.Stmt) bool {
				key := st.ColumnText(0)
				if !strings.HasPrefix(key, prefix) {
					return false
				}
				if !s.forgotten(st.ColumnInt64(2)) {
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

// forgotten tells whether a value with this end has had its time. Nothing is
// forgotten by a clock that is not believed.
func (s *Store) forgotten(until int64) bool {
	return until > 0 && s.age.Believed() && until <= nanos(s.opts.Clock.Now())
}
