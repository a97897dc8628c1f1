package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

// waitLimit is how long simulate waits for deliveries to end.
const waitLimit = time.Minute

// arrival is what became of the simulated events at one sink.
type arrival struct {
	sink  string
	alert bool // takes alerts
	all   []admin.Delivery
}

// checkWait refuses what cannot be waited for, before anything is sent.
func (s *simulation) checkWait(cmd *cobra.Command) error {
	if len(s.wait) == 0 {
		return nil
	}
	if s.url != "" && s.ask.address == "" {
		return usageError("--wait asks the relay what became of the events: name its admin listener with --admin").
			withHint("its token is read from $BOTRELAY_ADMIN_TOKEN")
	}
	return s.ask.with(cmd, func(ctx context.Context, client *adminClient) error {
		_, err := s.waitedSinks(ctx, client)
		return err
	})
}

// waitedSinks are the sinks that --wait names.
func (s *simulation) waitedSinks(ctx context.Context, client *adminClient) ([]arrival, error) {
	known, err := client.sinks(ctx)
	if err != nil {
		return nil, err
	}
	var waited []arrival
	for _, name := range s.wait {
		i := slices.IndexFunc(known.Sinks, func(x admin.Sink) bool { return x.Name == name })
		if i < 0 {
			return nil, usageError("--wait: there is no sink %s", printable(name)).withHint("see: botrelay sinks")
		}
		waited = append(waited, arrival{sink: name, alert: known.Sinks[i].Alert})
	}
	return waited, nil
}

// await waits until the deliveries of the events to the sinks of --wait are
// final, prints what became of them, and fails if one was not delivered.
func (s *simulation) await(cmd *cobra.Command, all []letter) error {
	if len(s.wait) == 0 {
		return nil
	}
	return s.ask.with(cmd, func(ctx context.Context, client *adminClient) error {
		waited, err := s.waitedSinks(ctx, client)
		if err != nil {
			return err
		}
		if err := settleDown(ctx, client, waited, all); err != nil {
			return err
		}
		return sayArrivals(s.env.stdout, waited)
	})
}

// settleDown asks until no delivery is open, or there has been time enough.
func settleDown(ctx context.Context, client *adminClient, waited []arrival, all []letter) error {
	deadline := time.Now().Add(waitLimit)
	for {
		if err := lookUp(ctx, client, waited, all); err != nil {
			return err
		}
		if !slices.ContainsFunc(waited, arrival.open) || time.Now().After(deadline) {
			return nil
		}
		if rest(ctx, 100*time.Millisecond) != nil {
			return failed("interrupted")
		}
	}
}

// lookUp asks what became of each event.
func lookUp(ctx context.Context, client *adminClient, waited []arrival, all []letter) error {
	for i := range waited {
		waited[i].all = nil
	}
	known := map[string]bool{}
	for _, l := range all {
		if known[l.id] {
			continue
		}
		known[l.id] = true
		ev, err := client.event(ctx, "", l.id, false)
		if err != nil {
			return err
		}
		for _, d := range ev.Deliveries {
			for i := range waited {
				if waited[i].sink == d.Sink {
					d.Received = ev.Received
					waited[i].all = append(waited[i].all, d)
				}
			}
		}
	}
	return nil
}

// open tells whether a delivery to the sink is not final yet.
func (a arrival) open() bool {
	return slices.ContainsFunc(a.all, func(d admin.Delivery) bool { return d.State == "pending" || d.State == "retrying" })
}

// delivered counts what got through, and finds the longest way.
func (a arrival) delivered() (n int, longest time.Duration) {
	for _, d := range a.all {
		if d.State == "delivered" {
			n++
			longest = max(longest, d.Ended.Sub(d.Received))
		}
	}
	return n, longest
}

// text is bots 1 alert in 0.4 s, or lake 2 of 2, or why not.
func (a arrival) text() string {
	n, longest := a.delivered()
	switch {
	case len(a.all) == 0:
		return a.sink + " nothing: no route sends these there"
	case n < len(a.all):
		return fmt.Sprintf("%s %d of %d (%s)", a.sink, n, len(a.all), a.missing())
	case a.alert:
		return fmt.Sprintf("%s %s in %s", a.sink, counted(n, "alert"), taking(longest))
	}
	return fmt.Sprintf("%s %d of %d", a.sink, n, len(a.all))
}

// missing says how the first is that was not delivered.
func (a arrival) missing() string {
	for _, d := range a.all {
		if d.State == "delivered" {
			continue
		}
		if d.Reason != "" {
			return printable(d.State + ": " + d.Reason)
		}
		return d.State
	}
	return ""
}

func sayArrivals(out io.Writer, waited []arrival) error {
	var parts, late []string
	for _, a := range waited {
		parts = append(parts, a.text())
		if n, _ := a.delivered(); n < len(a.all) || len(a.all) == 0 {
			late = append(late, a.sink)
		}
	}
	fmt.Fprintln(out, strings.Join(parts, " · "))
	if len(late) > 0 {
		return failed("not everything arrived at %s", strings.Join(late, ", ")).withHint("see: botrelay sinks")
	}
	return nil
}
