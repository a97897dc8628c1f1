package main

import (
	"context"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

// replay is what the command replay was asked for.
type replayOptions struct {
	operator
	period
	ids, where, to              []string
	bot, source                 string
	quarantined, again, reroute bool
	rate                        int
	newIDs, yes                 bool
}

func replayCommand(env environment) *cobra.Command {
	r := replayOptions{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Send stored events again, to sinks of your choice",
		Long: `Sends stored events again, oldest first, at the end of the queue and not faster
than --rate. It tells what it would do and does nothing until --yes. It goes on
after a restart.

What: --id, --bot, --where, --since, --until, --quarantined.
Whither, exactly one: --to SINK,… (these sinks), --again (those that each went
to), --reroute (where today's routes send it).`,
		Example: "  botrelay replay --since 24h --to newlake\n  botrelay replay --quarantined --reroute --yes\n" +
			"  botrelay replay ls\n  botrelay replay cancel 1",
		Args: verbs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&r.ids, "id", nil, "these `events`, by their ids")
	f.StringVar(&r.bot, "bot", "", "the events of this bot, by its `id` or the beginning of it")
	f.StringVar(&r.source, "source", "", "only of this `source`")
	addWhere(cmd, &r.where)
	r.period.addFlags(cmd)
	f.BoolVar(&r.quarantined, "quarantined", false, "those that could not be understood then; else they are left out")
	f.StringSliceVar(&r.to, "to", nil, "to these `sinks`")
	f.BoolVar(&r.again, "again", false, "to the sinks that each event went to")
	f.BoolVar(&r.reroute, "reroute", false, "to where the routes of today send it")
	f.IntVar(&r.rate, "rate", 200, "most events a second")
	f.BoolVar(&r.newIDs, "new-ids", false, "under the ids ID_replay_N, for a receiver that drops the ids it knows")
	f.BoolVarP(&r.yes, "yes", "y", false, "do it")
	r.operator.addFlags(cmd)
	cmd.AddCommand(replayListCommand(env), replayCancelCommand(env))
	return cmd
}

// request is what the API is asked.
func (r *replayOptions) request() (admin.ReplayRequest, error) {
	ways := 0
	for _, chosen := range []bool{len(r.to) > 0, r.again, r.reroute} {
		if chosen {
			ways++
		}
	}
	if ways != 1 {
		return admin.ReplayRequest{}, usageError("whither? exactly one of --to SINK, --again and --reroute")
	}
	if err := checkWhere(r.where); err != nil {
		return admin.ReplayRequest{}, err
	}
	since, until, err := r.times(r.zone())
	if err != nil {
		return admin.ReplayRequest{}, err
	}
	request := admin.ReplayRequest{
		Bot: r.bot, Source: r.source, Where: r.where, Since: since, Until: until, Quarantined: r.quarantined,
		To: r.to, Again: r.again, Reroute: r.reroute, Rate: r.rate, NewIDs: r.newIDs, By: whoAsks(r.env),
	}
	if len(r.ids) > 0 {
		for _, id := range r.ids {
			request.IDs = append(request.IDs, admin.EventRef{Source: r.source, ID: id})
		}
		request.Source = ""
	}
	if len(r.ids) == 0 && r.bot == "" && len(r.where) == 0 && since == "" && !r.quarantined {
		return request, usageError("what? one of --id, --bot, --where, --since and --quarantined")
	}
	return request, nil
}

func (r *replayOptions) run(cmd *cobra.Command) error {
	request, err := r.request()
	if err != nil {
		return err
	}
	return r.with(cmd, func(ctx context.Context, client *adminClient) error {
		all, err := client.sinks(ctx)
		if err != nil {
			return err
		}
		types := map[string]string{}
		for _, sink := range all.Sinks {
			types[sink.Name] = sink.Type
		}
		request.DryRun = true
		plan, err := client.replay(ctx, request)
		switch {
		case err != nil:
			return err
		case plan.Plan.Events == 0:
			return failed("no event is meant by that")
		case !r.yes && r.json:
			return jsonLine(r.env.stdout, plan)
		case !r.yes:
			r.screen(r.env).replayPlan(plan, func(sink string) string { return types[sink] }, "Dry run: say --yes to do it.")
			return nil
		}
		request.DryRun = false
		begun, err := client.replay(ctx, request)
		if err != nil {
			return err
		}
		tail := "Replay " + printable(begun.ID) + " is under way. Watch: botrelay replay ls"
		if client.stored {
			tail = "No relay is running: replay " + printable(begun.ID) + " begins when one does."
		}
		return show(&r.operator, begun, func(s screen) {
			s.replayPlan(begun, func(sink string) string { return types[sink] }, tail)
		})
	})
}

func replayListCommand(env environment) *cobra.Command {
	o := operator{env: env}
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List replays with their progress",
		Long:    "Lists replays, the latest first, with how far each has come.",
		Example: "  botrelay replay ls",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				answer, err := client.replays(ctx)
				if err != nil {
					return err
				}
				if !o.json {
					o.screen(env).replays(answer.Replays)
					return nil
				}
				for _, one := range answer.Replays {
					if err := jsonLine(env.stdout, one); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	o.addFlags(cmd)
	return cmd
}

func replayCancelCommand(env environment) *cobra.Command {
	o := operator{env: env}
	var c consent
	cmd := &cobra.Command{
		Use:     "cancel ID",
		Short:   "Stop a replay; what it has queued goes on",
		Long:    "Stops a replay. What it has queued already is still delivered.",
		Example: "  botrelay replay cancel 1",
		Args:    wordArguments(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				if err := c.agreed(&o, "Replay "+args[0]+" stops; what it has queued is still delivered.", "Cancel?"); err != nil {
					return err
				}
				answer, err := client.cancelReplay(ctx, args[0], whoAsks(env))
				if err != nil {
					return err
				}
				return show(&o, answer, func(s screen) {
					s.printf("Cancelled after %s; %s queued.\n", countedComma(answer.Events, "event"), deliveries(answer.Queued))
				})
			})
		},
	}
	c.addFlags(cmd)
	o.addFlags(cmd)
	return cmd
}
