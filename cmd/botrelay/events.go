package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

// eventList is what the command events lists.
type eventList struct {
	operator
	selection
	quarantined, filtered, follow bool
	event, bot, sink              string
	noPayload                     bool
}

func eventsCommand(env environment) *cobra.Command {
	e := eventList{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:   "events [ID]",
		Short: "List events, or show one with its payload, deliveries and attempts",
		Long: `Lists stored events, the latest first. With the id of one it shows that event:
its deliveries with every attempt that is kept, and the body as it was received.`,
		Example: "  botrelay events --since 1h --event bot.fatal\n  botrelay events --quarantined\n" +
			"  botrelay events --follow --where bot.metadata.tenant=acme\n  botrelay events msg_2kFqX4mT0 --json | jq -r .payload",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] == "" {
				return usageError("events takes one id, or none for the list")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return e.showOne(cmd, args[0])
			}
			return e.run(cmd)
		},
	}
	e.selection.addFlags(cmd)
	cmd.Flags().StringVar(&e.event, "event", "", "only of this `name`, e.g. bot.fatal")
	cmd.Flags().StringVar(&e.bot, "bot", "", "only of this bot, by its whole `id`")
	cmd.Flags().StringVar(&e.sink, "sink", "", "only with a delivery for this `sink`")
	cmd.Flags().BoolVar(&e.quarantined, "quarantined", false, "only those that could not be understood")
	cmd.Flags().BoolVar(&e.filtered, "filtered", false, "only those that no route wanted")
	cmd.Flags().BoolVarP(&e.follow, "follow", "f", false, "go on with what comes in, until interrupted")
	cmd.Flags().BoolVar(&e.noPayload, "no-payload", false, "with an id: leave the payload out")
	e.operator.addFlags(cmd)
	return cmd
}

func (e *eventList) run(cmd *cobra.Command) error {
	if e.quarantined && e.filtered {
		return usageError("--quarantined and --filtered exclude each other: an event is one or the other")
	}
	if e.follow && e.until != "" {
		return usageError("--follow goes on with what comes in; --until ends it before")
	}
	l, err := e.query(&e.operator)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"event": e.event, "bot": e.bot, "sink": e.sink} {
		if value != "" {
			l.query.Set(name, value)
		}
	}
	switch {
	case e.quarantined:
		l.query.Set("state", "quarantined")
	case e.filtered:
		l.query.Set("state", "filtered")
	}
	e.relayOnly = e.follow
	return e.with(cmd, func(ctx context.Context, client *adminClient) error {
		if e.follow {
			return e.goOn(ctx, client, l)
		}
		return e.list(ctx, client, l)
	})
}

func (e *eventList) list(ctx context.Context, client *adminClient, l list) error {
	var found []admin.Event
	more, err := client.events(ctx, l, func(ev admin.Event) error {
		if e.json {
			return jsonLine(e.env.stdout, ev)
		}
		found = append(found, ev)
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case e.json:
	case len(found) == 0:
		fmt.Fprintln(e.env.stdout, "No events.")
	default:
		e.screen(e.env).events(found)
	}
	if more {
		cutOff(e.env, l.limit)
	}
	return nil
}

// followEvery is how often --follow looks for new events.
const followEvery = time.Second

// followSlack is how much later than its receipt an event may appear, and how
// far the two clocks may differ.
const followSlack = time.Minute

// goOn prints what is there, the oldest first, then what comes in.
func (e *eventList) goOn(ctx context.Context, client *adminClient, l list) error {
	var last int64
	first := true
	for {
		asked := time.Now()
		var found []admin.Event
		_, err := client.events(ctx, l, func(ev admin.Event) error {
			if ev.Seq <= last {
				return errSeen
			}
			found = append(found, ev)
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errSeen) {
			return err
		}
		slices.Reverse(found)
		if err := e.printNew(found, first); err != nil {
			return failed("write: %v", err)
		}
		if len(found) > 0 {
			last, first = found[len(found)-1].Seq, false
		}
		l.limit = 0 // of what is new nothing is left out
		l.query.Set("since", asked.Add(-followSlack).UTC().Format(time.RFC3339Nano))
		if rest(ctx, followEvery) != nil {
			return nil
		}
	}
}

// errSeen ends a list where the part begins that is printed already.
var errSeen = errors.New("seen already")

// printNew writes events in one go, so that a reader who has left ends it.
func (e *eventList) printNew(found []admin.Event, withTitle bool) error {
	var text strings.Builder
	s := e.screen(e.env)
	s.out = &text
	switch {
	case e.json:
		for _, ev := range found {
			if err := jsonLine(&text, ev); err != nil {
				return err
			}
		}
	case len(found) > 0:
		s.eventRows(found, withTitle)
	}
	_, err := e.env.stdout.Write([]byte(text.String()))
	return err
}

func (e *eventList) showOne(cmd *cobra.Command, id string) error {
	if e.follow || e.quarantined || e.filtered || len(e.where) > 0 {
		return usageError("an id names one event: nothing else can select beside it")
	}
	return e.with(cmd, func(ctx context.Context, client *adminClient) error {
		answer, err := client.event(ctx, e.source, id, !e.noPayload)
		if err != nil {
			return err
		}
		if e.json {
			return jsonLine(e.env.stdout, answer)
		}
		return e.screen(e.env).event(answer, !e.noPayload, isTerminal(e.env.stdout))
	})
}
