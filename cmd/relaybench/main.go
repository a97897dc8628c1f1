package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: relaybench compare [flags]   botrelay beside bare handlers, interleaved
       relaybench load [flags]      signed load for any receiver
       relaybench bare [flags]      the bare handler alone, until standard input ends
"relaybench COMMAND --help" lists the flags.`

var errUsage = errors.New("no such command")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:]); {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "relaybench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("relaybench "+args[0], flag.ContinueOnError)
	switch args[0] {
	case "compare":
		var c comparison
		flags.StringVar(&c.binary, "botrelay", "", "the botrelay binary (default: built from this source tree)")
		flags.IntVar(&c.rounds, "rounds", 3, "rounds; every contestant runs once in each")
		flags.DurationVar(&c.warmUp, "warm-up", 2*time.Second, "load before the clock starts")
		flags.DurationVar(&c.measure, "measure", 10*time.Second, "load that counts")
		flags.IntVar(&c.connections, "connections", 64, "connections, each with one request under way")
		flags.IntVar(&c.bodyBytes, "body", 1024, "bytes of a body")
		flags.StringVar(&c.folder, "folder", "", "where the stores lie (default: the temporary folder; a RAM disk has no fsync)")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return c.run(ctx, os.Stdout)
	case "load":
		return runLoad(ctx, flags, args[1:])
	case "bare":
		secret := flags.String("secret", benchSecret, "the signing secret")
		file := flags.String("fsync-to", "", "append every body to this file and fsync before the answer")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return serveBare(ctx, *secret, *file)
	default:
		return errUsage
	}
}

func runLoad(ctx context.Context, flags *flag.FlagSet, args []string) error {
	l := load{ids: newIDs()}
	address := flags.String("url", "", "the address of the receiver's source, on this machine")
	duration := flags.Duration("for", 10*time.Second, "how long")
	flags.StringVar(&l.secret, "secret", benchSecret, "the signing secret")
	flags.IntVar(&l.connections, "connections", 64, "connections, each with one request under way")
	flags.IntVar(&l.bodyBytes, "body", 1024, "bytes of a body")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if l.url, err = url.Parse(*address); err != nil || l.url.Scheme != "http" || l.url.Host == "" {
		return fmt.Errorf("--url wants http://HOST:PORT/PATH, got %q", *address)
	}
	result, err := l.run(ctx, *duration)
	fmt.Printf("%d accepted, %d refused in %v: %.0f/s, p50 %v, p99 %v\n", result.accepted, result.refused,
		result.elapsed.Round(time.Millisecond), float64(result.accepted)/result.elapsed.Seconds(), result.quantile(0.5), result.quantile(0.99))
	return err
}
