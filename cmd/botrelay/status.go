package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

func statusCommand(env environment) *cobra.Command {
	o := operator{env: env, patience: startPatience}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show at a glance how the relay is",
		Long: `Shows what comes in, what waits, what has died and how the bots of the last day
ended. Exit 1 when something needs somebody; the last line says what.

REFUSED counts requests that were no events, as with a wrong secret. Secrets
stand as the first four hex digits of their SHA-256. A relay that is starting is
waited for, 10 s at most. Where none runs, what is stored is shown.`,
		Example: "  botrelay status\n  botrelay status --json | jq .wrong\n  BOTRELAY_ADMIN_TOKEN=… botrelay status --admin https://botrelay.internal",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				answer, err := client.status(ctx)
				if err != nil {
					return err
				}
				if o.json {
					err = jsonLine(env.stdout, answer)
				} else {
					o.screen(env).status(answer)
				}
				if err != nil {
					return err
				}
				return statusVerdict(answer)
			})
		},
	}
	o.addFlags(cmd)
	return cmd
}

// statusVerdict is a failure when something needs somebody.
func statusVerdict(a admin.Status) error {
	wrong := a.Wrong
	if !a.Running {
		wrong = append([]string{"no relay is running"}, wrong...)
	}
	if differ(a.Relays, func(r admin.RelayStatus) string { return r.Version }) {
		wrong = append(wrong, "the relays' versions differ")
	}
	if differ(a.Relays, func(r admin.RelayStatus) string { return r.ConfigHash }) {
		wrong = append(wrong, "the relays' configurations differ")
	}
	if len(wrong) == 0 {
		return nil
	}
	return failed("%s", printable(strings.Join(wrong, ", ")))
}

func differ(relays []admin.RelayStatus, what func(admin.RelayStatus) string) bool {
	return slices.ContainsFunc(relays, func(r admin.RelayStatus) bool { return what(r) != what(relays[0]) })
}

// show shows an answer: as JSON, or on a screen.
func show[T any](o *operator, answer T, draw func(screen)) error {
	if o.json {
		return jsonLine(o.env.stdout, answer)
	}
	draw(o.screen(o.env))
	return nil
}

// period is the time that a list is narrowed to.
type period struct{ since, until string }

func (p *period) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.since, "since", "", "only what was received since `when`: 2h, 14:00, yesterday, 2026-03-04T15:02Z")
	cmd.Flags().StringVar(&p.until, "until", "", "only what was received before `when`, written likewise")
}

// times are the period as the API takes it: RFC 3339, empty for no bound.
func (p *period) times(zone *time.Location) (since, until string, err error) {
	now := time.Now()
	read := func(name, text string) string {
		if text == "" || err != nil {
			return ""
		}
		at, wrong := parseMoment(text, now, zone)
		if wrong != nil {
			err = usageError("--%s: %v", name, wrong)
			return ""
		}
		return at.UTC().Format(time.RFC3339Nano)
	}
	since, until = read("since", p.since), read("until", p.until)
	return since, until, err
}
