package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// agreed asks whether to go on with what has just been shown. With --yes it
// does not ask; without a terminal it refuses, and nothing is done.
func agreed(env environment, yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(env.stdin) {
		return usageError("nothing was done: there is no terminal to ask on").withHint("say --yes to do it")
	}
	fmt.Fprintf(env.stdout, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(env.stdin).ReadString('\n')
	if strings.ToLower(strings.TrimSpace(answer)) != "y" {
		return failed("nothing was done")
	}
	return nil
}

func addYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do it without asking")
}

// verbs makes a command that has verbs refuse a word that is none of them.
func verbs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, verb := range cmd.Commands() {
		names = append(names, verb.Name())
	}
	return usageError("%s has no %q", cmd.CommandPath(), args[0]).withHint("it has: %s", strings.Join(names, " "))
}

// wordArguments wants exactly as many arguments as usage names.
func wordArguments(n int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError("write: %s %s", cmd.CommandPath(), usage).withHint("see: %s --help", cmd.CommandPath())
		}
		return nil
	}
}
