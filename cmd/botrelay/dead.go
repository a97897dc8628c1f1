package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

func deadCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Dead letters: ls, show, retry, drop",
		Long: `Dead letters are deliveries that were given up or refused. They rest until
retention.dead is over, and can be sent again. Without a verb it lists them.`,
		Example: "  botrelay dead\n  botrelay dead ls --sink backend --reason 'HTTP 422*'\n  botrelay dead retry --sink backend --reason 'HTTP 422*'",
		Args:    verbs,
	}
	ls := deadListCommand(env)
	cmd.RunE = ls.RunE
	cmd.Flags().AddFlagSet(ls.Flags())
	cmd.AddCommand(ls, deadShowCommand(env), deadChangeCommand(env, retryVerb), deadChangeCommand(env, dropVerb))
	return cmd
}

// deadSelection is which dead letters are meant.
type deadSelection struct {
	operator
	period
	sink, reason string
}

func (d *deadSelection) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.sink, "sink", "", "only of this `sink`")
	cmd.Flags().StringVar(&d.reason, "reason", "", "only with a reason that this `pattern` covers, e.g. 'HTTP 422*'")
	d.period.addFlags(cmd)
	d.operator.addFlags(cmd)
}

func deadListCommand(env environment) *cobra.Command {
	d := deadSelection{operator: operator{env: env}}
	limit := usualLimit
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List dead letters in groups; narrowed down, one line each",
		Long: `Lists dead letters by sink and reason. The reason is the class of the failure
and the beginning of the answer, its digits masked. With --reason, or with a
time, it lists them one line each.`,
		Example: "  botrelay dead ls\n  botrelay dead ls --sink backend --reason 'HTTP 422*'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			since, until, err := d.times(d.zone())
			if err != nil {
				return err
			}
			if limit < 0 {
				return usageError("--limit is %d; 0 is all", limit)
			}
			if d.reason == "" && since == "" && until == "" {
				return d.with(cmd, d.listGroups)
			}
			query := url.Values{"state": {"dead"}}
			for name, value := range map[string]string{"sink": d.sink, "reason": d.reason, "since": since, "until": until} {
				if value != "" {
					query.Set(name, value)
				}
			}
			return d.with(cmd, func(ctx context.Context, client *adminClient) error {
				return d.listEach(ctx, client, list{query, limit})
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", usualLimit, "most rows; 0 is all")
	d.addFlags(cmd)
	return cmd
}

func (d *deadSelection) listGroups(ctx context.Context, client *adminClient) error {
	answer, err := client.dead(ctx, d.sink)
	if err != nil {
		return err
	}
	if !d.json {
		d.screen(d.env).deadGroups(answer)
		return nil
	}
	for _, group := range answer.Groups {
		if err := jsonLine(d.env.stdout, group); err != nil {
			return err
		}
	}
	return nil
}

func (d *deadSelection) listEach(ctx context.Context, client *adminClient, l list) error {
	var found []admin.Delivery
	more, err := client.deliveries(ctx, l, func(x admin.Delivery) error {
		if d.json {
			return jsonLine(d.env.stdout, x)
		}
		found = append(found, x)
		return nil
	})
	if err != nil {
		return err
	}
	if !d.json {
		d.screen(d.env).deadList(found)
	}
	if more {
		cutOff(d.env, l.limit)
	}
	return nil
}

func deadShowCommand(env environment) *cobra.Command {
	o := operator{env: env}
	var source string
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show the dead deliveries of one event with their attempts",
		Long:    "Shows an event with its dead deliveries and the attempts that are kept of each:\nthe first and the last four.",
		Example: "  botrelay dead show msg_2kFqX4mT0",
		Args:    wordArguments(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				answer, err := client.event(ctx, source, args[0], false)
				if err != nil {
					return err
				}
				answer.Deliveries = deadOf(answer.Deliveries, "")
				if len(answer.Deliveries) == 0 {
					return failed("%s has no dead letter", printable(args[0])).withHint("how it is: botrelay events %s", shellWord(args[0]))
				}
				if o.json {
					return jsonLine(env.stdout, answer)
				}
				s := o.screen(env)
				if err := s.event(answer, false, false); err != nil {
					return err
				}
				s.printf("\nAgain: botrelay dead retry %s\n", shellWord(answer.ID))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "of this `source`, where several have the id")
	o.addFlags(cmd)
	return cmd
}

// deadOf are the dead ones among deliveries; an empty sink is any.
func deadOf(all []admin.Delivery, sink string) []admin.Delivery {
	var dead []admin.Delivery
	for _, d := range all {
		if d.State == "dead" && (sink == "" || d.Sink == sink) {
			dead = append(dead, d)
		}
	}
	return dead
}

// deadVerb is what can be done to dead letters.
type deadVerb struct {
	name, short, long, question string
	plan                        func(screen, admin.DeliveriesChanged) string
	done                        string // follows the number
}

var (
	retryVerb = deadVerb{
		"retry", "Send dead letters again", `Sends dead letters again, at the end of the queue and in order among themselves.
Their ids stay as they were. Which: by sink and reason, or by the ids of events.`,
		"Retry?", screen.retryPlan, "queued. Watch: botrelay sinks",
	}
	dropVerb = deadVerb{
		"drop", "End dead letters by hand", `Ends dead letters: they will not be sent again, and stay visible as dropped
while their events are kept. Which: by sink and reason, or by the ids of events.`,
		"Drop?", screen.dropPlan, "dropped.",
	}
)

func deadChangeCommand(env environment, verb deadVerb) *cobra.Command {
	d := deadSelection{operator: operator{env: env}}
	var c consent
	cmd := &cobra.Command{
		Use:     verb.name + " [ID…]",
		Short:   verb.short,
		Long:    verb.long,
		Example: "  botrelay dead " + verb.name + " --sink backend --reason 'HTTP 422*'\n  botrelay dead " + verb.name + " msg_2kFqX4mT0 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			since, until, err := d.times(d.zone())
			if err != nil {
				return err
			}
			switch {
			case len(args) > 0 && (d.reason != "" || since != "" || until != ""):
				return usageError("ids stand alone: beside them only --sink can select")
			case len(args) == 0 && d.sink == "":
				return usageError("which dead letters? name ids, or a sink").withHint("which there are: botrelay dead ls")
			}
			return d.with(cmd, func(ctx context.Context, client *adminClient) error {
				change := admin.DeliveryChange{Sink: d.sink, Reason: d.reason, Since: since, Until: until, By: whoAsks(env)}
				if len(args) > 0 {
					if change, err = d.named(ctx, client, args); err != nil {
						return err
					}
				}
				return d.change(ctx, client, verb, change, &c)
			})
		},
	}
	c.addFlags(cmd)
	d.addFlags(cmd)
	return cmd
}

// named finds the dead deliveries of events.
func (d *deadSelection) named(ctx context.Context, client *adminClient, ids []string) (admin.DeliveryChange, error) {
	change := admin.DeliveryChange{By: whoAsks(d.env)}
	for _, id := range ids {
		ev, err := client.event(ctx, "", id, false)
		if err != nil {
			return change, err
		}
		dead := deadOf(ev.Deliveries, d.sink)
		if len(dead) == 0 {
			return change, failed("%s has no dead letter", printable(id)).withHint("how it is: botrelay events %s", shellWord(id))
		}
		for _, x := range dead {
			change.Refs = append(change.Refs, x.Ref)
		}
	}
	return change, nil
}

// change tells what would be done, asks, and does it, in as many requests as it
// takes.
func (d *deadSelection) change(ctx context.Context, client *adminClient, verb deadVerb, change admin.DeliveryChange, c *consent) error {
	change.DryRun = true
	plan, err := client.changeDeliveries(ctx, verb.name, change)
	if err != nil {
		return err
	}
	s := d.screen(d.env)
	if plan.Events == 0 {
		return failed("no dead letter is meant by that%s", strings.TrimRight(" "+firstLine(keptLines(plan.Kept)), " ")).
			withHint("which there are: botrelay dead ls")
	}
	text := verb.plan(s, plan)
	if plan.More {
		text += " There are more than these, which follow."
	}
	if err := c.agreed(&d.operator, text, verb.question); err != nil {
		return err
	}
	change.DryRun = false
	total := 0
	for {
		answer, err := client.changeDeliveries(ctx, verb.name, change)
		total += answer.Changed
		if err != nil {
			if total > 0 {
				fmt.Fprintf(d.env.stderr, "botrelay: %s were %s before this\n", withCommas(total), firstWord(verb.done))
			}
			return err
		}
		if d.json {
			if err := jsonLine(d.env.stdout, answer); err != nil {
				return err
			}
		} else {
			s.printf("%s", keptLines(answer.Kept))
		}
		if !answer.More || answer.Changed == 0 {
			break
		}
	}
	if !d.json {
		s.printf("%s %s\n", withCommas(total), verb.done)
	}
	return nil
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return strings.Trim(word, ".")
}
