package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker; see the Dockerfile.
var version = "dev"

// environment is what a command may touch of the process it runs in.
type environment struct {
	getenv func(string) (string, bool)
	stdin  *os.File
	stdout io.Writer
	stderr io.Writer
}

func main() {
	// A reader of standard output that goes away is a failed write like any
	// other: it must not end the relay.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default comes back: a second one kills.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], environment{os.LookupEnv, os.Stdin, os.Stdout, os.Stderr})
	os.Exit(code)
}

// run carries out one command and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	root := rootCommand(env)
	root.SetArgs(args)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	failure, ok := errors.AsType[*failure](err)
	if !ok {
		// Whatever cobra itself finds wrong is wrong usage.
		failure = usageError("%v", err)
	}
	if failure.text != "" {
		fmt.Fprintf(env.stderr, "botrelay: %s\n", failure.text)
	}
	if failure.hint != "" {
		fmt.Fprintf(env.stderr, "  %s\n", failure.hint)
	}
	return failure.code
}

// failure is the end of a command that did not go well.
type failure struct {
	code int
	text string // empty when everything has been said
	hint string
	// status is that of the answer, where the admin API has refused.
	status int
}

func (f *failure) Error() string { return f.text }

func failed(format string, args ...any) *failure {
	return &failure{code: 1, text: fmt.Sprintf(format, args...)}
}

func usageError(format string, args ...any) *failure {
	return &failure{code: 2, text: fmt.Sprintf(format, args...)}
}

func (f *failure) withHint(format string, args ...any) *failure {
	f.hint = fmt.Sprintf(format, args...)
	return f
}

func rootCommand(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "botrelay",
		Short: "Relays Recall.ai bot webhooks to Slack, Kafka and HTTP without losing one",
		Long: `botrelay receives the signed webhooks of Recall.ai's meeting bots, stores each
before it answers, and sends them on by the rules of one YAML file.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%v", err).withHint("see: %s --help", cmd.CommandPath())
	})
	root.PersistentFlags().StringP("config", "c", "",
		"configuration `file` (default $BOTRELAY_CONFIG, ./config.yaml, /etc/botrelay/config.yaml)")
	root.AddCommand(
		serveCommand(env), checkCommand(env), simulateCommand(env),
		demoCommand(env), backupCommand(env), healthCommand(env), versionCommand(env),
		statusCommand(env), sinksCommand(env), eventsCommand(env), botsCommand(env), botCommand(env),
		deadCommand(env), replayCommand(env), reloadCommand(env),
	)
	return root
}

// noArguments refuses arguments with a line that says what to do.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument, got %q", cmd.CommandPath(), args[0]).withHint("see: %s --help", cmd.CommandPath())
	}
	return nil
}
