package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func reloadCommand(env environment) *cobra.Command {
	o := operator{env: env, relayOnly: true}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the relay read its configuration again",
		Long: `Has the relay read its configuration file again, and the files that it names,
and take it if it has no fault. A fault leaves everything as it was. On SIGHUP
the relay does the same.`,
		Example: "  botrelay check && botrelay reload",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				answer, err := client.reload(ctx, whoAsks(env))
				if err != nil {
					return err
				}
				if o.json {
					err = jsonLine(env.stdout, answer)
				} else {
					for _, line := range append(answer.Faults, answer.Warnings...) {
						fmt.Fprintln(env.stdout, printable(line))
					}
					for _, line := range answer.Notes {
						fmt.Fprintln(env.stdout, printable(line))
					}
				}
				switch {
				case err != nil:
					return err
				case !answer.Taken:
					return usageError("%s in %s; the relay keeps what it has", countedComma(len(answer.Faults), "fault"), printable(answer.File))
				case !o.json:
					fmt.Fprintln(env.stdout, "Reloaded. In flight deliveries finish as they began.")
				}
				return nil
			})
		},
	}
	o.addFlags(cmd)
	return cmd
}
