package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/sinks"
	"botrelay/sinks/slacksink/slacktest"
)

// demo is a whole relay on this machine, between a sender and stand-ins that
// check what reaches them.
type demo struct {
	out  io.Writer
	logs io.Writer // the relay's own log
	once bool
	// slackURL, if set, is a real incoming webhook that gets the alerts.
	slackURL string
	// pace divides the time between the scenes; 0 is 1.
	pace int
	// wrap and reroute break the relay in tests, which shows that the stand-ins see it.
	wrap    func(name string, sink relay.Sink) relay.Sink
	reroute func(configuration string) string

	folder  string
	secret  string
	slack   *slacktest.Server
	backend *backend
	log     *logCapture
	script  *demoScript
}

func demoCommand(env environment) *cobra.Command {
	var once, slack bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a whole relay at work on this machine",
		Long: `Runs a whole relay with a store of its own and sends it the signed events of
four simulated bots. Slack and the backend are stand-ins that check what they
get; nothing leaves this machine, whatever variables are set.

With --once it ends by itself: exit 0 if every delivery arrived as it should.`,
		Example: "  botrelay demo\n  botrelay demo --once\n  SLACK_WEBHOOK_URL=https://hooks.slack.com/… botrelay demo --slack     # posts there, marked DEMO",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := demo{out: env.stdout, logs: env.stderr, once: once}
			if slack {
				d.slackURL, _ = env.getenv("SLACK_WEBHOOK_URL")
				if d.slackURL == "" {
					return usageError("--slack needs an incoming webhook in $SLACK_WEBHOOK_URL")
				}
			}
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the scenes; exit 1 if anything was not as it should be")
	cmd.Flags().BoolVar(&slack, "slack", false, "post the alerts to $SLACK_WEBHOOK_URL, marked DEMO, instead of the stand-in")
	return cmd
}

func (d *demo) run(ctx context.Context) (err error) {
	closeAll, err := d.setUp()
	if err != nil {
		return failed("set the demo up: %v", err)
	}
	defer closeAll()
	file := config.Load(filepath.Join(d.folder, "config.yaml"), config.Options{Getenv: d.getenv})
	plan := sinks.NewPlan(file)
	if err := mustBeGood(file, d.logs); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address := make(chan net.Addr, 1)
	a := assembly{
		file: file, plan: plan, stdout: d.log, wrap: d.wrap,
		logger:    slog.New(slog.NewTextHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
		listening: func(addr net.Addr) { address <- addr },
	}
	if d.slackURL != "" {
		a.mark = "DEMO"
	}
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	select {
	case err := <-ended:
		return failed("the relay: %v", err)
	case addr := <-address:
		err = d.show(ctx, addr)
	}
	cancel()
	// What is still on its way arrives before the relay has ended, and a delivery
	// too many is seen.
	if runErr := <-ended; runErr != nil && err == nil {
		err = failed("the relay: %v", runErr)
	}
	if !d.once || err != nil {
		return err
	}
	return d.report()
}

// setUp makes the stand-ins and writes the configuration that the relay then
// loads like any other.
func (d *demo) setUp() (closeAll func(), err error) {
	if d.folder, err = os.MkdirTemp("", "botrelay-demo-"); err != nil {
		return nil, err
	}
	var closers []func()
	closeAll = func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}
	closers = append(closers, func() { os.RemoveAll(d.folder) })
	fail := func(err error) (func(), error) { closeAll(); return nil, err }

	key := make([]byte, 24)
	rand.Read(key)
	d.secret = "whsec_" + base64.StdEncoding.EncodeToString(key)
	if d.script, err = newDemoScript(time.Now()); err != nil {
		return fail(err)
	}
	d.log = &logCapture{}
	if d.backend, err = newBackend(d.secret, d.script.expected); err != nil {
		return fail(err)
	}
	closers = append(closers, d.backend.close)
	d.slack, err = slacktest.New(slacktest.Options{Token: demoToken, Channels: []string{demoChannel}})
	if err != nil {
		return fail(err)
	}
	closers = append(closers, d.slack.Close)
	files := map[string]string{"config.yaml": d.configuration(), "secret": d.secret + "\n"}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(d.folder, name), []byte(content), 0o600); err != nil {
			return fail(err)
		}
	}
	return closeAll, nil
}

const (
	demoToken   = "xoxb-demo-stand-in"
	demoChannel = "C0DEMO00001"
)

func (d *demo) configuration() string {
	slack := fmt.Sprintf("{type: slack, token: %s, channel: %s, api_url: %q}", demoToken, demoChannel, d.slack.APIURL())
	if d.slackURL != "" {
		slack = `{type: slack, webhook_url: "${env:SLACK_WEBHOOK_URL}"}`
	}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: "127.0.0.1:0"}
store: %q
sources:
  recall: {secrets: "${env:DEMO_SECRET}"}
sinks:
  slack: %s
  backend: {type: http, url: %q, sign: {secrets: ["${env:DEMO_SECRET}"]}}
  log: {type: log}
routes:
  - {name: failed bots, match: {event: [bot.fatal, bot.recording_permission_denied]}, to: slack}
  - {name: everything, to: [backend, log]}
`, filepath.Join(d.folder, "data"), slack, d.backend.url)
	if d.reroute != nil {
		return d.reroute(text)
	}
	return text
}

// getenv knows two names and none of the machine's.
func (d *demo) getenv(name string) (string, bool) {
	switch name {
	case "DEMO_SECRET":
		return d.secret, true
	case "SLACK_WEBHOOK_URL":
		return d.slackURL, d.slackURL != ""
	}
	return "", false
}

// show plays the scenes, waits for what they lead to, and, unless it is to
// happen once, stays until ctx ends.
func (d *demo) show(ctx context.Context, addr net.Addr) error {
	slack := "Slack and the backend are stand-ins;\nnothing leaves this machine."
	if d.slackURL != "" {
		slack = "The backend is a stand-in;\nalerts go to the Slack channel of $SLACK_WEBHOOK_URL, marked DEMO."
	}
	fmt.Fprintf(d.out, "botrelay demo: a whole relay on this machine. %s\n\n", slack)
	client := &http.Client{Timeout: 15 * time.Second}
	defer client.CloseIdleConnections()
	post, err := newSender(fmt.Sprintf("http://%s/webhooks/recall", addr), d.secret, client)
	if err != nil {
		return failed("%v", err)
	}
	if err := d.play(ctx, post); err != nil {
		return err
	}
	d.await(ctx)
	if d.once || ctx.Err() != nil {
		return nil
	}
	fmt.Fprintf(d.out, "\nThe relay goes on until Ctrl-C. Send it more:\n  botrelay simulate fatal --yes --url %s --secret-file %s\n",
		post.url, filepath.Join(d.folder, "secret"))
	d.follow(ctx)
	return nil
}

// play sends the events of every scene at its time and tells what came of it.
func (d *demo) play(ctx context.Context, post *sender) error {
	began := time.Now()
	for _, scene := range d.script.scenes {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(began.Add(scene.at / time.Duration(max(d.pace, 1))))):
		}
		fmt.Fprintf(d.out, "%6.1f s  %s\n", scene.at.Seconds(), scene.say)
		var statuses []int
		for _, l := range scene.letters {
			sent := time.Now()
			status, err := post.post(ctx, l.id, l.body)
			if err != nil {
				return failed("post an event to the relay: %v", rootCause(err))
			}
			d.script.answered(l.id, status, time.Since(sent), sent)
			statuses = append(statuses, status)
		}
		if scene.tellAnswers {
			fmt.Fprintf(d.out, "          └ answered %d, then %d; delivered once\n", statuses[0], statuses[1])
		}
		if scene.alert && d.slackURL == "" {
			d.tellAlert(ctx, scene.letters[len(scene.letters)-1].id)
		}
	}
	return nil
}

// demoPatience is how long the demo waits for what should have arrived at once.
const demoPatience = 3 * time.Second

// tellAlert prints the Slack message about an event once it is there.
func (d *demo) tellAlert(ctx context.Context, id string) {
	var message slacktest.Message
	found := d.waitFor(ctx, func() bool {
		for _, m := range d.slack.Messages() {
			if m.EventID == id {
				message = m
				return true
			}
		}
		return false
	})
	if !found {
		fmt.Fprintln(d.out, "          └ Slack    nothing came")
		return
	}
	took := message.At.Sub(d.script.sentAt(id))
	lead := "└ Slack    "
	lines := wrap(message.Text, 46)
	for i, line := range lines {
		if i == len(lines)-1 {
			line = fmt.Sprintf("%-46s %d ms after receipt", line, took.Milliseconds())
		}
		fmt.Fprintf(d.out, "          %s%s\n", lead, line)
		lead = "           "
	}
}

// await waits until every stand-in has what it should, or patience is over.
func (d *demo) await(ctx context.Context) {
	d.waitFor(ctx, func() bool {
		for _, row := range d.rows() {
			if row.received < row.wanted {
				return false
			}
		}
		return true
	})
}

func (d *demo) waitFor(ctx context.Context, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return done()
		case <-tick.C:
		}
	}
	return true
}

// follow prints alerts about whatever else comes until ctx ends.
func (d *demo) follow(ctx context.Context) {
	seen := len(d.slack.Messages())
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		messages := d.slack.Messages()
		for _, m := range messages[seen:] {
			fmt.Fprintf(d.out, "          Slack    %s\n", strings.Join(wrap(m.Text, 66), "\n                   "))
		}
		seen = len(messages)
	}
}
