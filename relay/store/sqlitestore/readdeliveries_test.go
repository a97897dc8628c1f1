package sqlitestore

import (
	"fmt"
	"testing"
	"time"

	"botrelay/relay"
)

// A page of deliveries ends where everything behind it is too old, also when
// none of that is of the sink asked for.
func TestDeliveriesEndAtSince(t *testing.T) {
	s, _ := open(t, Options{Dir: quickDir(t)})
	now := time.Now()
	for i := range 20 {
		ev := event(i, fmt.Sprint(i))
		ev.Received = now.Add(time.Duration(i-40) * time.Hour)
		mustAppend(t, s, ev, "a")
	}
	mustAppend(t, s, event(100, "z"), "b")
	page, err := s.Deliveries(t.Context(), relay.Query{Sink: "b", Since: now.Add(-time.Hour), Limit: 10})
	if err != nil || len(page.Items) != 1 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	if newestOld := now.Add(-21 * time.Hour); page.Reached.Before(newestOld.Add(-time.Second)) {
		t.Errorf("looked back to %v, it was over at %v", page.Reached, newestOld)
	}
}
