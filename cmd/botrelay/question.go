package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// consent is a person's yes to what a command is about to do.
type consent struct{ yes bool }

func (c *consent) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do it without asking")
}

// agreed shows what is about to be done and asks. With --yes it does not ask;
// without a terminal it refuses, and nothing is done. Standard output is the
// answer's alone where that is JSON.
func (c *consent) agreed(o *operator, plan, question string) error {
	out := o.env.stdout
	if o.json {
		out = o.env.stderr
	}
	plan = printable(plan)
	switch {
	case c.yes && o.json:
		return nil
	case c.yes:
		fmt.Fprint(out, hanging("", plan))
		return nil
	case !isTerminal(o.env.stdin):
		fmt.Fprint(out, hanging("", plan))
		return usageError("nothing was done: there is no terminal to ask on").withHint("say --yes to do it")
	}
	fmt.Fprint(out, strings.TrimSuffix(hanging("", plan+" "+question+glue+"[y/N]"), "\n")+" ")
	answer, _ := bufio.NewReader(o.env.stdin).ReadString('\n')
	if strings.ToLower(strings.TrimSpace(answer)) != "y" {
		return failed("nothing was done")
	}
	return nil
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
