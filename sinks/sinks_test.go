package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"botrelay/relay"
	"botrelay/relay/config"
	"botrelay/sinks/internal/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_Q0FOQVJZLU9ORS1zaWduaW5nLWtleS1vbmU="

// load reads a configuration with these sinks and these routes.
func load(sinks, routes string, skipSecrets bool) *config.File {
	text := "sources: {recall: {secrets: \"${env:S}\"}}\nsinks:\n" + sinks + "routes:\n" + routes
	return config.Load("c", config.Options{
		SkipSecrets: skipSecrets,
		Getenv: func(name string) (string, bool) {
			value, ok := map[string]string{"S": secret, "URL": "http://169.254.169.254/CANARY-token", "BAD": "CANARY\nline"}[name]
			return value, ok
		},
		ReadFile: func(name string) ([]byte, error) {
			if name == "c" {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
		Mounted: func(string) bool { return false },
	})
}

func faults(f *config.File) string {
	var b strings.Builder
	for _, p := range f.Problems() {
		if !p.Warning {
			fmt.Fprintln(&b, p)
		}
	}
	return b.String()
}

func TestPlanMakesDestinations(t *testing.T) {
	file := load(`
  alerts: {type: slack, webhook_url: "https://hooks.slack.com/services/T0/B0/x"}
  lake: {type: kafka, brokers: "k:9092", topic: ev}
  backend: {type: http, url: "https://a.example/x", order: none, rate: 60/m, timeout: 3s, retry: {give_up_after: 1h, max_backoff: 1m}}
  console: {type: log}
  sink: {type: discard, concurrency: 3}
`, "- {name: all, to: [alerts, lake, backend, console, sink]}\n", false)
	plan := NewPlan(file)
	if got := faults(file); got != "" {
		t.Fatal(got)
	}
	var out bytes.Buffer
	made, err := plan.Make(Deps{Stdout: &out, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []relay.Destination{
		{Name: "alerts", Concurrency: 16, Timeout: 15 * time.Second, GiveUpAfter: 6 * time.Hour, MaxBackoff: 15 * time.Minute},
		{Name: "lake", Concurrency: 256, Timeout: 15 * time.Second, GiveUpAfter: 72 * time.Hour, MaxBackoff: 15 * time.Minute},
		{Name: "backend", Concurrency: 16, Rate: relay.Rate{Events: 60, Per: time.Minute}, Timeout: 3 * time.Second, GiveUpAfter: time.Hour, MaxBackoff: time.Minute},
		{Name: "console", Concurrency: 1, Timeout: 15 * time.Second, GiveUpAfter: 72 * time.Hour, MaxBackoff: 15 * time.Minute},
		{Name: "sink", Concurrency: 3, Timeout: 15 * time.Second, GiveUpAfter: 72 * time.Hour, MaxBackoff: 15 * time.Minute},
	}
	if diff := cmp.Diff(want, made, cmpopts.IgnoreFields(relay.Destination{}, "Sink")); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	for _, d := range made[3:] {
		if _, err := d.Sink.Send(t.Context(), sinktest.Delivery(0)); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines on standard output, want 1", n)
	}
	// The loop closes sinks that it has served, and its caller all of them.
	for range 2 {
		if err := Close(made); err != nil {
			t.Error(err)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct{ sink, option, want string }{
		"unknown type":   {`{type: kafak, x: y}`, "{}", `c:3:16: sinks.bots.type: unknown sink type "kafak" (did you mean "kafka"?)`},
		"strange type":   {`{type: carrier-pigeon}`, "{}", `c:3:16: sinks.bots.type: unknown sink type "carrier-pigeon" (TYPES)`},
		"no type":        {`{url: "http://a"}`, "{}", `c:3:3: sinks.bots: needs type`},
		"kafka option":   {`{type: kafka, brokers: "k:9092", topic: ev}`, "{channel: C1}", `c:5:25: routes[0].to[0].bots: channel is not an option of a kafka sink (topic key)`},
		"log option":     {`{type: log}`, "{topic: a}", `c:5:25: routes[0].to[0].bots: topic is not an option of a log sink`},
		"discard option": {`{type: discard}`, "{topic: a}", `c:5:25: routes[0].to[0].bots: topic is not an option of a discard sink`},
		"no url":         {`{type: http}`, "{}", `c:3:3: sinks.bots: needs url`},
		"bare host":      {`{type: http, url: api.example.com}`, "{}", `c:3:27: sinks.bots.url: "api.example.com" is not a URL (write https://api.example.com)`},
		"other scheme":   {`{type: http, url: "ftp://a.example"}`, "{}", `c:3:27: sinks.bots.url: "ftp://a.example" is not a URL (write https://…)`},
		"password": {`{type: http, url: "https://u:p@a.example"}`, "{}",
			`c:3:27: sinks.bots.url: user and password cannot stand in the URL (write them as a header: Authorization)`},
		"fragment": {`{type: http, url: "https://a.example/#x"}`, "{}", `c:3:27: sinks.bots.url: a # and what follows it is never sent (remove it, or write %23)`},
		"metadata": {`{type: http, url: "http://[::ffff:169.254.169.254]/"}`, "{}",
			`c:3:27: sinks.bots.url: ::ffff:169.254.169.254 is a link-local, metadata or multicast address; nothing is sent there`},
		"secret in the address": {`{type: http, url: "${env:URL}"}`, "{}",
			`c:3:27: sinks.bots.url: 169.254.169.254 is a link-local, metadata or multicast address; nothing is sent there`},
		"private":      {`{type: http, url: "http://10.1.2.3/", deny_private: true}`, "{}", `c:3:27: sinks.bots.url: 10.1.2.3 is not a public address (deny_private is on)`},
		"sign":         {`{type: http, url: "https://a.example", sign: {headers: svix}}`, "{}", `c:3:48: sinks.bots.sign: needs secrets`},
		"sign headers": {`{type: http, url: "https://a.example", sign: {secrets: "${env:S}", headers: svx}}`, "{}", `c:3:85: sinks.bots.sign.headers: "svx" is not one of webhook svix (did you mean "svix"?)`},
		"short key":    {`{type: http, url: "https://a.example", sign: {secrets: whsec_QQ==}}`, "{}", `c:3:64: sinks.bots.sign.secrets: the key has 1 bytes; 16 are the least`},
		"own header":   {`{type: http, url: "https://a.example", headers: {Webhook-Id: a}}`, "{}", `c:3:70: sinks.bots.headers.Webhook-Id: Webhook-Id cannot be set: the relay has its own headers that begin so`},
		"hop by hop":   {`{type: http, url: "https://a.example", headers: {transfer-encoding: a}}`, "{}", `c:3:77: sinks.bots.headers.transfer-encoding: transfer-encoding cannot be set: it belongs to the connection`},
		"host":         {`{type: http, url: "https://a.example", headers: {Host: a}}`, "{}", `c:3:64: sinks.bots.headers.Host: Host cannot be set: the URL decides it`},
		"line feed":    {`{type: http, url: "https://a.example", headers: {X-A: "${env:BAD}"}}`, "{}", `c:3:63: sinks.bots.headers.X-A: the value of X-A has characters that a header cannot carry (percent-encode them)`},
		"unknown key":  {`{type: log, bdy: true}`, "{}", `c:3:21: sinks.bots: unknown key "bdy" (did you mean "body"?)`},
		"discard key":  {`{type: discard, body: true}`, "{}", `c:3:25: sinks.bots: unknown key "body"`},
	} {
		t.Run(name, func(t *testing.T) {
			file := load("  bots: "+tt.sink+"\n", "- {name: r, to: [bots: "+tt.option+"]}\n", false)
			NewPlan(file)
			var names []string
			for _, known := range table() {
				names = append(names, known.name)
			}
			want := strings.ReplaceAll(tt.want, "TYPES", strings.Join(names, " "))
			if got := strings.TrimSuffix(faults(file), "\n"); got != want {
				t.Errorf("faults:\n got %s\nwant %s", got, want)
			}
		})
	}
}

// TestEveryTypeRefusesForeignOptions: what a route says to a sink is never
// passed over, whatever the type.
func TestEveryTypeRefusesForeignOptions(t *testing.T) {
	for _, known := range table() {
		file := load("  bots: {type: "+known.name+"}\n", "- {name: r, to: [bots: {nope: a}]}\n", false)
		NewPlan(file)
		if got := faults(file); !strings.Contains(got, "nope is not an option of a") {
			t.Errorf("%s: %s", known.name, got)
		}
	}
}

// TestSkippedSecrets: a file can be checked where its secrets are not.
func TestSkippedSecrets(t *testing.T) {
	file := load(`
  backend: {type: http, url: "${env:NOWHERE}", sign: {secrets: "${file:/nowhere}"}, headers: {Authorization: "Bearer ${env:NOWHERE}"}}
`, "- {name: all, to: backend}\n", true)
	NewPlan(file)
	if got := faults(file); got != "" {
		t.Error(got)
	}
}

// TestMakeClosesWhatItMade: a sink that cannot be made leaves none behind.
func TestMakeClosesWhatItMade(t *testing.T) {
	closed := &closer{}
	broken := errors.New("broken")
	plan := Plan{sinks: []planned{
		{name: "first", make: func(making) (relay.Sink, error) { return closed, nil }},
		{name: "second", make: func(making) (relay.Sink, error) { return nil, broken }},
	}}
	made, err := plan.Make(Deps{})
	if made != nil || !errors.Is(err, broken) || !strings.Contains(err.Error(), "second") {
		t.Errorf("got %v, %v", made, err)
	}
	if closed.times != 1 {
		t.Errorf("the first sink was closed %d times, want once", closed.times)
	}
}

type closer struct {
	relay.Sink
	times int
}

func (c *closer) Close() error { c.times++; return nil }
