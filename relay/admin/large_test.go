package admin

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// fill stores n events of n/10 bots, each for one sink, received within the
// last hours as they would be by a company that is busy.
func (b *bench) fill(n int) {
	b.Helper()
	names := []string{
		"bot.joining_call", "bot.in_waiting_room", "bot.in_call_not_recording", "bot.in_call_recording", "participant_events.join",
		"participant_events.leave", "bot.call_ended", "bot.done", "recording.done", "transcript.done",
	}
	began := time.Now().Add(-20 * time.Hour)
	var writers sync.WaitGroup
	next := make(chan int, 1024)
	for range 128 {
		writers.Go(func() {
			for i := range next {
				at := began.Add(time.Duration(i) * 20 * time.Hour / time.Duration(n))
				id := fmt.Sprintf("msg_%08d", i)
				ev := &relay.Event{Source: source, ID: id, Received: at, Raw: body(names[i%10], "", botName(i/10), `{"tenant":"acme"}`, at)}
				ev.Fields, ev.Trouble = recall.Normalise(id, ev.Raw)
				if _, err := b.store.Append(context.Background(), ev, b.targets(ev, "lake")...); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	writers.Wait()
}

// botName spreads ids as random ones are spread.
func botName(i int) string { return fmt.Sprintf("%08x-bot-%d", uint32(i)*2654435761, i) }

// most is how long any one answer may take here. It is far above what the
// pages promise, since the machine may be busy, and far below looking at all.
const most = 3 * time.Second

// timed asks and wants the answer soon.
func (b *bench) timed(path string, into any) time.Duration {
	b.Helper()
	began := time.Now()
	b.get(path, into)
	took := time.Since(began)
	if took > most {
		b.Errorf("%s took %v", path, took)
	}
	return took
}

func TestLargeStore(t *testing.T) {
	n := 100_000
	if raceEnabled {
		n = 2_000
	}
	b := newBench(t)
	b.fill(n)
	b.everyPage(n)
	b.pagesOfNothing()

	var bots BotPage
	b.timed("/api/v1/bots?limit=200", &bots)
	if len(bots.Bots) == 0 || bots.Bots[0].Outcome != recall.OutcomeRecorded {
		t.Errorf("bots: %d, the first %+v", len(bots.Bots), bots.Bots[:min(1, len(bots.Bots))])
	}
	var bot BotDetail
	b.timed("/api/v1/bots/"+botName(7)[:12], &bot)
	if bot.ID != botName(7) || len(bot.Timeline) != 7 || bot.Words != "ended, recorded" {
		t.Errorf("bot: %+v", bot.Bot)
	}
	b.ask("GET", "/api/v1/bots/zzzz", nil, 404, nil)
	b.timed("/api/v1/dead", &DeadGroups{})
	b.timed("/api/v1/events?state=quarantined", &EventPage{})
	b.timed("/api/v1/events?state=filtered", &EventPage{})
	b.timed("/api/v1/deliveries?sink=lake&state=retrying", &DeliveryPage{})
	var status Status
	b.timed("/api/v1/status", &status)
	if status.Bots.Recorded == 0 || status.Sinks[1].Waiting != n || len(status.Wrong) != 0 {
		t.Errorf("status: bots %+v, sinks %+v, wrong %v", status.Bots, status.Sinks, status.Wrong)
	}
}

// everyPage reads all events page by page, each once.
func (b *bench) everyPage(n int) {
	b.Helper()
	seen, pages := map[string]bool{}, 0
	for from := ""; ; pages++ {
		var page EventPage
		b.timed("/api/v1/events?limit=1000&from="+from, &page)
		if len(page.Events) > 1000 {
			b.Fatalf("a page has %d events", len(page.Events))
		}
		for _, ev := range page.Events {
			if seen[ev.ID] {
				b.Fatalf("%s is on two pages", ev.ID)
			}
			seen[ev.ID] = true
		}
		if from = page.Next; from == "" {
			break
		}
	}
	if len(seen) != n || pages < n/1000-1 {
		b.Errorf("%d of %d events on %d pages", len(seen), n, pages)
	}

}

// pagesOfNothing: what nothing fits comes to its end all the same, page by page.
func (b *bench) pagesOfNothing() {
	b.Helper()
	reached := time.Now()
	for from := ""; ; {
		var page EventPage
		b.timed("/api/v1/events?where=bot.metadata.tenant%3Dnobody&from="+from, &page)
		if len(page.Events) != 0 || page.Reached.After(reached) {
			b.Fatalf("a page of nothing has %d events and reached %v after %v", len(page.Events), page.Reached, reached)
		}
		reached = page.Reached
		if from = page.Next; from == "" {
			break
		}
	}
}
