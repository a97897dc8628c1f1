package sqlitestore

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
	"botrelay/relay/store"
)

func TestTriesKeepTheFirstAndTheLastFour(t *testing.T) {
	var stored []byte
	var all []relay.Attempt
	for i := range 9 {
		a := relay.Attempt{Began: time.Unix(int64(i+1), 5), Took: time.Duration(i) * time.Millisecond, Note: strings.Repeat("n", i)}
		all = append(all, a)
		stored = addTry(stored, a)
		want := all
		if len(all) > 5 {
			want = append([]relay.Attempt{all[0]}, all[len(all)-4:]...)
		}
		if diff := cmp.Diff(want, store.DecodeTries(stored)); diff != "" {
			t.Errorf("after %d tries: %s", i+1, diff)
		}
	}
}
