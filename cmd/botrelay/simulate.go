package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/relay/recall"
)

// startPatience is how long simulate waits for a relay that is starting.
const startPatience = 10 * time.Second

type simulation struct {
	env        environment
	source     string
	url        string
	secretFile string
	wait       []string
	ask        operator // whom to ask what became of the events
	yes        bool
}

func simulateCommand(env environment) *cobra.Command {
	s := simulation{env: env, ask: operator{env: env, patience: startPatience, relayOnly: true}}
	names := slices.Sorted(maps.Keys(lives()))
	cmd := &cobra.Command{
		Use:   "simulate LIFE",
		Short: "Send a simulated bot's signed events to a relay",
		Long: `Sends the signed events of a simulated bot to the relay that runs with the same
configuration file, or to another with --url and --secret-file. Lives:
` + hanging("  ", strings.Join(names, " ")) + `
The events carry bot.metadata.botrelay=simulated and ids that start with sim_.
With --wait it asks the relay until their deliveries to these sinks are final,
for a minute at most, and exits 1 if one was not delivered.`,
		Example:   "  botrelay simulate fatal\n  botrelay simulate fatal --yes --wait bots\n  botrelay simulate happy --source recall-staging --yes",
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(names, args[0]) {
				return usageError("simulate takes one life: %s", strings.Join(names, " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&s.source, "source", "", "the `source` to send to (default the first in the file)")
	cmd.Flags().StringVar(&s.url, "url", "", "the `address` of another relay's source")
	cmd.Flags().StringVar(&s.secretFile, "secret-file", "", "the `file` with the signing secret for --url")
	cmd.Flags().StringSliceVar(&s.wait, "wait", nil, "wait for the deliveries to these `sinks`, and say what became of them")
	cmd.Flags().StringVar(&s.ask.address, "admin", "", "for --wait: `address` of the relay's admin listener (default that of the configuration)")
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "send without asking")
	return cmd
}

func (s *simulation) run(cmd *cobra.Command, life string) error {
	all, err := letters(lives()[life], time.Now())
	if err != nil {
		return failed("make the events: %v", err)
	}
	to, secret, onward, err := s.destination(cmd, all)
	if err != nil {
		return err
	}
	if err := s.checkWait(cmd); err != nil {
		return err
	}
	fmt.Fprintf(s.env.stdout, "%s go to %s", describe(all), to)
	if onward != "" {
		fmt.Fprintf(s.env.stdout, " and, by your routes, on to\n  %s", onward)
	}
	fmt.Fprintf(s.env.stdout, "\nThey carry bot.metadata.%s=%s, ids that start with sim_, and SIMULATED in Slack.\n",
		simulatedMark, simulatedValue)
	if err := s.confirm(); err != nil {
		return err
	}
	client := localClient()
	if s.url != "" {
		client = &http.Client{Timeout: 20 * time.Second}
	}
	defer client.CloseIdleConnections()
	post, err := newSender(to, secret, client)
	if err != nil {
		return usageError("%v", err)
	}
	if err := sendAll(cmd.Context(), s.env.stdout, post, all); err != nil {
		return err
	}
	return s.await(cmd, all)
}

// destination finds out where the events go and what signs them; onward is
// what the routes of the configuration make of them.
func (s *simulation) destination(cmd *cobra.Command, all []letter) (to, secret, onward string, err error) {
	if s.url != "" || s.secretFile != "" {
		return s.otherRelay()
	}
	file, err := loadConfig(cmd, s.env, config.Options{})
	if err != nil {
		return "", "", "", err
	}
	if faults, _ := printProblems(io.Discard, file.Problems(), false); faults > 0 {
		return "", "", "", usageError("%s has %s", file.Path, counted(faults, "fault")).withHint("see: botrelay check")
	}
	for _, source := range file.Sources {
		if s.source == "" || s.source == source.Name {
			return localURL(file, source.Path), string(source.Secrets[0]), onwardSinks(file, source.Name, all), nil
		}
	}
	return "", "", "", usageError("%s has no source %q", file.Path, s.source)
}

func (s *simulation) otherRelay() (to, secret, onward string, err error) {
	if s.url == "" || s.secretFile == "" {
		return "", "", "", usageError("--url and --secret-file go together")
	}
	if s.source != "" {
		return "", "", "", usageError("--source is for the relay of the configuration file; with --url the address says the source")
	}
	if u, err := url.Parse(s.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", "", usageError("%q is not a URL (write https://HOST/webhooks/NAME)", s.url)
	}
	content, err := os.ReadFile(s.secretFile)
	if err != nil {
		return "", "", "", usageError("read the signing secret: %v", err)
	}
	return s.url, strings.TrimSpace(string(content)), "", nil
}

// onwardSinks names the sinks that the routes choose for any of the events.
func onwardSinks(file *config.File, source string, all []letter) string {
	chosen := map[string]bool{}
	for _, l := range all {
		ev := &relay.Event{Source: source, ID: l.id, Raw: l.body}
		ev.Fields, ev.Trouble = recall.Normalise(l.id, l.body)
		for _, target := range file.Routes.Targets(ev) {
			chosen[target.Sink] = true
		}
	}
	types := map[string]string{}
	for _, sink := range file.Sinks {
		types[sink.Name] = sink.Type
	}
	var names []string
	for _, sink := range file.Routes.Sinks() {
		if chosen[sink] {
			names = append(names, fmt.Sprintf("%s (%s)", sink, types[sink]))
		}
	}
	if len(names) == 0 {
		return "no sink: no route wants them"
	}
	return strings.Join(names, "  ")
}

func describe(all []letter) string {
	bots := map[string]bool{}
	for _, l := range all {
		bots[l.bot] = true
	}
	if len(bots) == 1 {
		return fmt.Sprintf("%d events of one bot", len(all))
	}
	return fmt.Sprintf("%d events of %d bots", len(all), len(bots))
}

func (s *simulation) confirm() error {
	if s.yes {
		return nil
	}
	if !isTerminal(s.env.stdin) {
		return usageError("nothing was sent: there is no terminal to ask on").withHint("say --yes to send")
	}
	fmt.Fprint(s.env.stdout, "Send? [y/N] ")
	answer, _ := bufio.NewReader(s.env.stdin).ReadString('\n')
	if strings.ToLower(strings.TrimSpace(answer)) != "y" {
		return &failure{code: 1, text: "nothing was sent"}
	}
	return nil
}

// sendAll posts the events in order and prints, for each bot, what the relay
// answered. It returns a failure if an answer was not a 2xx.
func sendAll(ctx context.Context, out io.Writer, post *sender, all []letter) error {
	refused := 0
	bot := ""
	patience := startPatience
	for _, l := range all {
		status, err := post.postPatiently(ctx, l.id, l.body, patience)
		patience = 0
		if err != nil {
			if bot != "" {
				fmt.Fprintln(out)
			}
			return failed("no relay answers at %s: %v", post.url, rootCause(err))
		}
		switch {
		case bot == "":
			fmt.Fprintf(out, "bot %s ", l.bot)
		case bot != l.bot:
			fmt.Fprintf(out, "\nbot %s ", l.bot)
		default:
			fmt.Fprint(out, " · ")
		}
		bot = l.bot
		fmt.Fprintf(out, "%s %d", l.step.code(), status)
		if status < 200 || status > 299 {
			refused++
		}
	}
	fmt.Fprintln(out)
	if refused > 0 {
		return failed("%d of %s not accepted", refused, counted(len(all), "event")).
			withHint("401: is this relay running with the same secret? 404: the same path?")
	}
	return nil
}
