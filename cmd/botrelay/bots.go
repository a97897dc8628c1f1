package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"botrelay/relay/admin"
)

func botsCommand(env environment) *cobra.Command {
	o := operator{env: env}
	var s selection
	var failedOnly bool
	cmd := &cobra.Command{
		Use:   "bots",
		Short: "List bots, the one with the latest event first",
		Long: `Lists bots with how they are now, computed from their stored events. A bot is
found when one of its events holds what --where says.`,
		Example: "  botrelay bots --failed --since yesterday\n  botrelay bots --where bot.metadata.meeting_ref=m-1042 --since 7d",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := s.query(&o)
			if err != nil {
				return err
			}
			if failedOnly {
				l.query.Set("failed", "true")
			}
			return o.with(cmd, func(ctx context.Context, client *adminClient) error { return listBots(ctx, client, &o, l) })
		},
	}
	s.addFlags(cmd)
	cmd.Flags().BoolVar(&failedOnly, "failed", false, "only those that ended by bot.fatal, or without a recording event")
	o.addFlags(cmd)
	return cmd
}

func listBots(ctx context.Context, client *adminClient, o *operator, l list) error {
	var found []admin.Bot
	more, err := client.bots(ctx, l, func(b admin.Bot) error {
		if o.json {
			return jsonLine(o.env.stdout, b)
		}
		found = append(found, b)
		return nil
	})
	if err != nil {
		return err
	}
	switch {
	case o.json:
	case len(found) == 0:
		fmt.Fprintln(o.env.stdout, "No bots.")
	default:
		o.screen(o.env).bots(found)
	}
	if more {
		cutOff(o.env, l.limit)
	}
	return nil
}

func botCommand(env environment) *cobra.Command {
	o := operator{env: env}
	var source string
	cmd := &cobra.Command{
		Use:   "bot ID",
		Short: "Show what became of one bot, and why",
		Long: `Shows in words what became of a bot and what to do about it, then its events
with their alerts and with every delivery that was not simply delivered. The
beginning of the id is enough.`,
		Example: "  botrelay bot 5b1c7f\n  botrelay bot 5b1c7f0e-3a94-4c1d-9d52-7e0f2b6a8c31 --local",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError("bot takes the id of one bot, or its beginning").withHint("which bots there are: botrelay bots")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd, func(ctx context.Context, client *adminClient) error {
				return showBot(ctx, client, &o, source, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&source, "source", "", "only of this `source`")
	o.addFlags(cmd)
	return cmd
}

func showBot(ctx context.Context, client *adminClient, o *operator, source, id string) error {
	answer, err := client.bot(ctx, source, id)
	switch {
	case hasStatus(err, http.StatusNotFound):
		return failed("no bot starts with %s%s", printable(id), otherWays(ctx, client))
	case err != nil:
		return err
	case o.json:
		return jsonLine(o.env.stdout, answer)
	}
	all, err := client.sinks(ctx)
	if err != nil {
		return err
	}
	byName := map[string]admin.Sink{}
	for _, sink := range all.Sinks {
		byName[sink.Name] = sink
	}
	o.screen(o.env).bot(answer, byName)
	return nil
}

// otherWays says how a bot can be found by what its creator wrote down, with an
// example of the latest bot that has such a thing.
func otherWays(ctx context.Context, client *adminClient) string {
	var ways []string
	if client.kept > 0 {
		ways = append(ways, "kept for "+lasting(client.kept))
	}
	example := ""
	_, err := client.bots(ctx, list{query: url.Values{}, limit: 20}, func(b admin.Bot) error {
		if name, value, ok := firstMetadata(b.Metadata); ok && example == "" {
			example = shellWord("bot.metadata." + name + "=" + value)
		}
		return nil
	})
	if err == nil && example != "" {
		ways = append(ways, "by metadata: botrelay bots --where "+example)
	}
	if len(ways) == 0 {
		return ""
	}
	return " (" + strings.Join(ways, "; ") + ")"
}

// firstMetadata is the first entry of bot.metadata that a condition can name.
func firstMetadata(raw []byte) (name, value string, ok bool) {
	for _, entry := range metadataEntries(raw) {
		if !strings.ContainsAny(entry[0], ". =") && entry[0] != "" && !strings.Contains(entry[1], "*") {
			return entry[0], entry[1], true
		}
	}
	return "", "", false
}
