package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has a help that shows how it is written.
func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if !strings.Contains(sub.Example, sub.CommandPath()) {
				t.Errorf("%s: its example does not call it: %q", sub.CommandPath(), sub.Example)
			}
			if sub.Short == "" || strings.HasSuffix(sub.Short, ".") {
				t.Errorf("%s: short help is %q", sub.CommandPath(), sub.Short)
			}
			for line := range strings.SplitSeq(sub.Long, "\n") {
				if textWidth(line) > screenWidth {
					t.Errorf("%s: help is over %d columns: %q", sub.CommandPath(), screenWidth, line)
				}
			}
			check(sub)
		}
	}
	check(rootCommand(environment{getenv: os.LookupEnv}))
}

// What asks the admin API can be asked for JSON, about another relay, and in
// the terminal's zone; what changes something takes --yes.
func TestOperatorFlags(t *testing.T) {
	t.Parallel()
	root := rootCommand(environment{getenv: os.LookupEnv})
	for _, path := range []string{
		"status", "sinks", "sinks pause", "sinks resume", "sinks move", "sinks discard", "events", "bots", "bot",
		"dead", "dead ls", "dead show", "dead retry", "dead drop", "replay", "replay ls", "replay cancel", "reload", "backup",
	} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"json", "admin", "local"} {
			if cmd.Flags().Lookup(flag) == nil {
				t.Errorf("botrelay %s has no --%s", path, flag)
			}
		}
	}
	for _, path := range []string{"sinks pause", "sinks resume", "sinks move", "sinks discard", "dead retry", "dead drop", "replay", "replay cancel", "simulate"} {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Flags().Lookup("yes") == nil {
			t.Errorf("botrelay %s has no --yes", path)
		}
	}
}
