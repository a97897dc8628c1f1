package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

func sinksCommand(env environment) *cobra.Command {
	o := operator{env: env}
	cmd := &cobra.Command{
		Use:   "sinks",
		Short: "List sinks with what waits for each; pause, resume, move, discard",
		Long: `Lists the sinks with what waits for each, how old that is, and what is wrong. A
sink that has left the configuration stands as orphaned while it has deliveries
left.`,
		Example: "  botrelay sinks\n  botrelay sinks pause lake --reason \"Kafka upgrade\"\n  botrelay sinks move old-lake lake",
		Args:    verbs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				answer, err := client.sinks(ctx)
				if err != nil {
					return err
				}
				if !o.json {
					o.screen(env).sinks(answer.Sinks)
					return nil
				}
				for _, sink := range answer.Sinks {
					if err := jsonLine(env.stdout, sink); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	o.addFlags(cmd)
	cmd.AddCommand(pauseCommand(env), resumeCommand(env), moveCommand(env), discardCommand(env))
	return cmd
}

// sinkChange is one of the verbs that change a sink.
type sinkChange struct {
	operator
	consent
	reason string
}

func pauseCommand(env environment) *cobra.Command {
	c := sinkChange{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:     "pause SINK",
		Short:   "Stop sending to a sink; what comes for it waits",
		Long:    "Stops sending to a sink until it is resumed. What comes for it waits, however\nlong that is, and survives restarts. What is on its way is finished.",
		Example: "  botrelay sinks pause lake --reason \"Kafka upgrade\"",
		Args:    wordArguments(1, "SINK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd, "pause", args[0], admin.SinkChange{Reason: c.reason},
				func(sink admin.Sink) string { return fmt.Sprintf("%s stops; what comes for it waits.", sink.Name) }, "Pause?",
				func(admin.SinkChanged) string {
					return fmt.Sprintf("%s is paused. Go on: botrelay sinks resume %s", args[0], args[0])
				})
		},
	}
	cmd.Flags().StringVar(&c.reason, "reason", "", "shown with the pause")
	return c.finish(cmd)
}

func resumeCommand(env environment) *cobra.Command {
	c := sinkChange{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:     "resume SINK",
		Short:   "Send to a sink again, now",
		Long:    "Ends a pause by hand. A sink that has paused by itself is asked again at once;\nif it still fails, it stays paused.",
		Example: "  botrelay sinks resume lake",
		Args:    wordArguments(1, "SINK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd, "resume", args[0], admin.SinkChange{},
				func(sink admin.Sink) string {
					return fmt.Sprintf("%s goes on with %s waiting.", sink.Name, deliveries(sink.Waiting))
				}, "Resume?",
				func(a admin.SinkChanged) string {
					if a.Sink.State == admin.SinkPaused && a.Sink.Cause != causeHand {
						return fmt.Sprintf("%s is asked again now. Watch: botrelay sinks", args[0])
					}
					return fmt.Sprintf("%s goes on. Watch: botrelay sinks", args[0])
				})
		},
	}
	return c.finish(cmd)
}

func moveCommand(env environment) *cobra.Command {
	c := sinkChange{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:     "move FROM TO",
		Short:   "Give what waits for a sink to another",
		Long:    "Gives what waits for FROM to TO, a sink of the configuration. It goes to the end\nof TO's queue, as replayed deliveries do. What TO has already is not doubled.",
		Example: "  botrelay sinks move old-lake lake",
		Args:    wordArguments(2, "FROM TO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to := args[0], args[1]
			return c.change(cmd, "move", from, admin.SinkChange{To: to},
				func(sink admin.Sink) string {
					return fmt.Sprintf("%s of %s go to %s, to the end of its queue.", deliveries(sink.Waiting), from, to)
				}, "Move?",
				func(a admin.SinkChanged) string {
					return fmt.Sprintf("%s moved to %s. Watch: botrelay sinks", withCommas(a.Deliveries), to)
				})
		},
	}
	return c.finish(cmd)
}

func discardCommand(env environment) *cobra.Command {
	c := sinkChange{operator: operator{env: env}}
	cmd := &cobra.Command{
		Use:     "discard SINK",
		Short:   "End what waits for a sink, undelivered",
		Long:    "Ends what waits for a sink now: it will not be delivered, and stays visible as\ndropped. Dead letters stay: botrelay dead drop. What comes later is not meant.",
		Example: "  botrelay sinks discard old-lake",
		Args:    wordArguments(1, "SINK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd, "discard", args[0], admin.SinkChange{},
				func(sink admin.Sink) string {
					return fmt.Sprintf("%s for %s will not be delivered.", deliveries(sink.Waiting), sink.Name)
				}, "Discard?",
				func(a admin.SinkChanged) string {
					return fmt.Sprintf("%s discarded: they stay visible as dropped.", withCommas(a.Deliveries))
				})
		},
	}
	return c.finish(cmd)
}

func (c *sinkChange) finish(cmd *cobra.Command) *cobra.Command {
	c.consent.addFlags(cmd)
	c.operator.addFlags(cmd)
	return cmd
}

// change says what a verb will do to a sink, asks, does it and says what was
// done.
func (c *sinkChange) change(cmd *cobra.Command, verb, name string, change admin.SinkChange,
	plan func(admin.Sink) string, question string, done func(admin.SinkChanged) string,
) error {
	return c.with(cmd, func(ctx context.Context, client *adminClient) error {
		all, err := client.sinks(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all.Sinks, func(s admin.Sink) bool { return s.Name == name })
		if i < 0 {
			return failed("there is no sink %s", printable(name)).withHint("see: botrelay sinks")
		}
		if err := c.agreed(&c.operator, plan(all.Sinks[i]), question); err != nil {
			return err
		}
		change.By = whoAsks(c.env)
		answer, err := client.changeSink(ctx, name, verb, change)
		if err != nil {
			return err
		}
		return show(&c.operator, answer, func(s screen) { s.printf("%s\n", printable(done(answer))) })
	})
}

func deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return withCommas(n) + " deliveries"
}
