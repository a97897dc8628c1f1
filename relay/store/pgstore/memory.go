package pgstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	sqlMemoryGet  = `SELECT value, until FROM botrelay.memory WHERE owner = $1 AND key = $2`
	sqlMemoryList = `SELECT key, value, until FROM botrelay.memory WHERE owner = $1 AND key >= $2 ORDER BY key LIMIT $3`
	sqlPut        = `CALL botrelay.put($1, $2, $3, $4)`
)

// Get is [relay.Memory]'s. It waits for the database.
func (s *Store) Get(ctx context.Context, owner, key string) (value []byte, err error) {
	err = patiently(ctx, func(bool) error {
		value = nil
		return s.ask(ctx, sqlMemoryGet, []any{[]byte(owner), []byte(key)}, func(r pgx.Rows) error {
			var until int64
			if err := r.Scan(&value, &until); err != nil {
				return err
			}
			if s.forgotten(until) {
				value = nil
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("recall %s/%s: %w", owner, key, err)
	}
	return value, nil
}

// Put is [relay.Memory]'s. It waits for the database.
func (s *Store) Put(ctx context.Context, owner, key string, value []byte, keep time.Duration) error {
	var until int64
	if keep > 0 {
		until = s.opts.Clock.Now().Add(keep).UnixNano()
	}
	err := patiently(ctx, func(bool) error {
		return s.exec(ctx, sqlPut, []byte(owner), []byte(key), value, until)
	})
	if err != nil {
		return fmt.Errorf("remember %s/%s: %w", owner, key, err)
	}
	return nil
}

// listStep is how many values List reads at a time.
const listStep = 256

// List is [relay.Memory]'s. It reads in steps and holds nothing while yield
// runs, so yield may take its time and use the store. It waits for the database.
func (s *Store) List(ctx context.Context, owner, prefix string, yield func(key string, value []byte) bool) error {
	type entry struct{ key, value []byte }
	for from := []byte(prefix); ; {
		var entries []entry
		read, last := 0, []byte(nil)
		err := patiently(ctx, func(bool) error {
			entries, read = entries[:0], 0
			return s.ask(ctx, sqlMemoryList, []any{[]byte(owner), from, listStep}, func(r pgx.Rows) error {
				var e entry
				var until int64
				if err := r.Scan(&e.key, &e.value, &until); err != nil {
					return err
				}
				read, last = read+1, e.key
				if bytes.HasPrefix(e.key, []byte(prefix)) && !s.forgotten(until) {
					entries = append(entries, e)
				}
				return nil
			})
		})
		if err != nil {
			return fmt.Errorf("recall %s/%s*: %w", owner, prefix, err)
		}
		for _, e := range entries {
			if !yield(string(e.key), e.value) {
				return nil
			}
		}
		if read < listStep || !bytes.HasPrefix(last, []byte(prefix)) {
			return nil
		}
		from = append(last, 0) // the next possible key
	}
}

// forgotten tells whether a value with this end has had its time. Nothing is
// forgotten by a clock that is not believed.
func (s *Store) forgotten(until int64) bool {
	return until > 0 && s.age.Believed() && until <= s.opts.Clock.Now().UnixNano()
}
