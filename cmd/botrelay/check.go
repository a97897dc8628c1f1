package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"botrelay/relay/config"
	"botrelay/sinks"
)

func checkCommand(env environment) *cobra.Command {
	var strict, skipSecrets bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Find every mistake in the configuration file",
		Long: `Reads the configuration file with the loader that serve uses and prints every
fault and warning, in the order of the file. Nothing is sent anywhere.`,
		Example: "  botrelay check\n  botrelay check -c staging.yaml --skip-secrets --strict     # for CI",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, _, err := loadPlan(cmd, env, config.Options{SkipSecrets: skipSecrets})
			if err != nil {
				return err
			}
			faults, warnings := printProblems(env.stdout, file.Problems(), isTerminal(env.stdout))
			if faults == 0 {
				fmt.Fprintln(env.stdout, goodLine(file))
			}
			return verdict(file, faults, warnings, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "exit 1 for warnings, too")
	cmd.Flags().BoolVar(&skipSecrets, "skip-secrets", false, "do not resolve ${env:…} and ${file:…}: for CI")
	return cmd
}

// loadPlan reads the configuration with what the sinks make of it. Faults
// stand in the file's Problems.
func loadPlan(cmd *cobra.Command, env environment, o config.Options) (*config.File, *sinks.Plan, error) {
	file, err := loadConfig(cmd, env, o)
	if err != nil {
		return nil, nil, err
	}
	return file, sinks.NewPlan(file), nil
}

func goodLine(file *config.File) string {
	return fmt.Sprintf("%s: good. %s, %s, %s.", file.Path,
		counted(len(file.Sources), "source"), counted(len(file.Sinks), "sink"), counted(file.Routes.Len(), "route"))
}

// verdict is the end of a command that found faults or warnings.
func verdict(file *config.File, faults, warnings int, strict bool) error {
	switch {
	case faults > 0:
		both := counted(faults, "fault")
		if warnings > 0 {
			both += " and " + counted(warnings, "warning")
		}
		return usageError("%s in %s; a relay that is running keeps what it has", both, file.Path)
	case warnings > 0 && strict:
		return failed("%s in %s", counted(warnings, "warning"), file.Path)
	default:
		return nil
	}
}

// mustBeGood prints faults and warnings where a person sees them and returns a
// failure if the file cannot be used.
func mustBeGood(file *config.File, out io.Writer) error {
	faults, warnings := printProblems(out, file.Problems(), isTerminal(out))
	if faults == 0 {
		return nil
	}
	problem, _ := verdict(file, faults, warnings, false).(*failure)
	problem.text, _, _ = strings.Cut(problem.text, ";")
	return problem
}
