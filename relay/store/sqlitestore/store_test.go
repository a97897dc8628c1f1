package sqlitestore

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay"
)

func TestWhatIsAcknowledgedIsThereAfterAReopen(t *testing.T) {
	dir := t.TempDir()
	s, stop := open(t, Options{Dir: dir})
	first, second := event(1, "a"), event(2, "b")
	mustAppend(t, s, first, "lake", "bots")
	mustAppend(t, s, second, "lake")
	ds, err := s.Claim(t.Context(), "lake", 1)
	if err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	if err := s.Settle(t.Context(), settled(ds, relay.Delivered)...); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	s, _ = open(t, Options{Dir: dir})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for sink, want := range map[string]*relay.Event{"lake": second, "bots": first} {
		ds, err := s.Claim(done, sink, 10)
		if err != nil || len(ds) != 1 {
			t.Fatalf("%s: %v, %v", sink, ds, err)
		}
		if diff := cmp.Diff(want, ds[0].Event, cmp.AllowUnexported(relay.Optional{})); diff != "" {
			t.Errorf("%s: %s", sink, diff)
		}
	}
	if r := mustAppend(t, s, event(1, "a"), "lake"); !r.Duplicate || r.Seq != first.Seq {
		t.Errorf("a known id: %+v", r)
	}
}
