package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/relay/receive"
	"botrelay/relay/store/sqlitestore"
	"botrelay/sinks"
)

// gcPercent lets the heap grow further than Go does by itself before it is
// cleaned: an eighth less processor time under load, for some 10 MiB.
const gcPercent = 300

func serveCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the relay",
		Long: `Runs the relay until it is told to end (SIGTERM, Ctrl-C): deliveries under way
then get the configured grace. The log goes to standard error; standard output
belongs to sinks of type log.`,
		Example: "  botrelay serve\n  botrelay serve -c /etc/botrelay/config.yaml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			file, plan, err := loadPlan(cmd, env, config.Options{})
			if err != nil {
				return err
			}
			if err := mustBeGood(file, env.stderr); err != nil {
				return err
			}
			if _, set := env.getenv("GOGC"); !set {
				debug.SetGCPercent(gcPercent)
			}
			logger := newLogger(file.Log, env.stderr)
			a := assembly{file: file, plan: plan, stdout: env.stdout, logger: logger, hangups: hangups}
			a.reread = func() (*config.File, *sinks.Plan) {
				file := config.Load(file.Path, config.Options{Getenv: env.getenv})
				return file, sinks.NewPlan(file)
			}
			if err := a.run(cmd.Context()); err != nil {
				logCause(logger, err)
				return failed("%v", err)
			}
			return nil
		},
	}
}

// logCause logs what lies behind a failure whose own line names the remedy
// alone, so that the line stays the last.
func logCause(logger *slog.Logger, err error) {
	if damaged, ok := errors.AsType[*sqlitestore.DamagedError](err); ok {
		logger.Error("the store is damaged", "cause", damaged.Err.Error())
	}
	if denied, ok := errors.AsType[*sqlitestore.NotWritableError](err); ok {
		logger.Error("the store cannot be written", "cause", denied.Err.Error())
	}
}

func newLogger(o config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if o.Format == "text" {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

// destinations makes the sinks of a plan with the settings of their loops.
func (a *assembly) destinations(plan *sinks.Plan, store relayStore) ([]relay.Destination, error) {
	ds, err := plan.Make(sinks.Deps{
		Stdout: a.stdout, Reader: store, Memory: store, Version: version, Logger: a.logger, Mark: a.mark,
		Slack: a.slack,
	})
	if err != nil || a.wrap == nil {
		return ds, err
	}
	for i := range ds {
		ds[i].Sink = a.wrap(ds[i].Name, ds[i].Sink)
	}
	return ds, nil
}

// sourcesOf makes the sources of a file.
func sourcesOf(file *config.File) ([]receive.Source, error) {
	var sources []receive.Source
	for _, s := range file.Sources {
		secrets := make([]string, len(s.Secrets))
		for i, secret := range s.Secrets {
			secrets[i] = string(secret)
		}
		verifier, err := receive.NewVerifier(secrets)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		sources = append(sources, receive.Source{Name: s.Name, Path: s.Path, Verifier: verifier, MaxBody: int64(s.MaxBody)})
	}
	return sources, nil
}

func (a *assembly) receiver(store relayStore) (*receive.Receiver, error) {
	sources, err := sourcesOf(a.file)
	if err != nil {
		return nil, err
	}
	return receive.New(receive.Options{
		Sources: sources, Log: store, Routes: a.file.Routes.Targets, Verified: store.ClockProved, Ready: store.Ready,
		Logger: a.logger, Now: time.Now,
	})
}
