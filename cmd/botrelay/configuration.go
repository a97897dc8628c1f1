package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"botrelay/relay/config"
)

// configPath is the file that --config names, or the first of the usual places
// that exists.
func configPath(cmd *cobra.Command, env environment) (string, error) {
	if path, _ := cmd.Flags().GetString("config"); path != "" {
		return path, nil
	}
	if path, ok := env.getenv("BOTRELAY_CONFIG"); ok && path != "" {
		return path, nil
	}
	places := []string{"config.yaml", "/etc/botrelay/config.yaml"}
	for _, place := range places {
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	return "", usageError("no configuration: neither ./%s nor %s exists", places[0], places[1]).
		withHint("name one with --config FILE or $BOTRELAY_CONFIG; config.example.yaml is a start")
}

// loadConfig reads the configuration for a command that needs an address or a
// folder from it: only what cannot be read at all is an error.
func loadConfig(cmd *cobra.Command, env environment, o config.Options) (*config.File, error) {
	path, err := configPath(cmd, env)
	if err != nil {
		return nil, err
	}
	o.Getenv = env.getenv
	return config.Load(path, o), nil
}

// printProblems writes what is wrong with a file, each with its excerpt when a
// person is looking, and returns how many faults and warnings there are.
func printProblems(out io.Writer, problems []config.Problem, excerpts bool) (faults, warnings int) {
	for _, p := range problems {
		if p.Warning {
			warnings++
		} else {
			faults++
		}
		fmt.Fprintln(out, p)
		if excerpts {
			fmt.Fprint(out, p.Excerpt())
		}
	}
	if excerpts && len(problems) > 0 {
		fmt.Fprintln(out)
	}
	return faults, warnings
}

// counted is "1 fault", "3 faults"; empty for none.
func counted(n int, noun string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + noun
	default:
		return fmt.Sprintf("%d %ss", n, noun)
	}
}

// rootCause leaves out the address that url.Error repeats.
func rootCause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// isTerminal tells whether a person reads what is written there, or types what
// is read.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}
