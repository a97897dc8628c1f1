package admin

import (
	"testing"
	"time"

	"botrelay/relay/receive"
)

func TestHour(t *testing.T) {
	var h hour
	started := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	now := started
	counted := func(n uint64) receive.Stats {
		return receive.Stats{Sources: []receive.SourceStats{{Name: source, Accepted: n}}}
	}
	if since, before := h.before(now, started); since != started || before != nil {
		t.Errorf("without a note: since %v, %v", since, before)
	}
	now = now.Add(30 * time.Second)
	for minute := range uint64(30) {
		h.note(now, counted(minute))
		now = now.Add(time.Minute)
	}
	if since, before := h.before(now, started); since != started || before != nil {
		t.Errorf("after half an hour: since %v, %v", since, before)
	}
	for minute := range uint64(300) {
		h.note(now, counted(30+minute))
		now = now.Add(time.Minute)
	}
	since, before := h.before(now, started)
	if age := now.Sub(since); age < time.Hour || age > time.Hour+2*time.Minute {
		t.Errorf("after hours: since %v ago", age)
	}
	if got := before[source].Accepted; got != 330-61 {
		t.Errorf("an hour ago %d had been counted", got)
	}
	if len(h.notes) > samples+1 {
		t.Errorf("%d notes are kept", len(h.notes))
	}
	one := SourceStatus{Reasons: map[string]uint64{}}
	one.count(receive.SourceStats{Accepted: 400, Filtered: 3, Refused: map[string]uint64{"clock": 9, "other": 1}},
		receive.SourceStats{Accepted: 390, Refused: map[string]uint64{"clock": 4, "other": 1}})
	if one.Events != 13 || one.Refused != 5 || one.Filtered != 3 {
		t.Errorf("the difference is %+v", one)
	}
}
