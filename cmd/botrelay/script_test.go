package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"botrelay/sinks/slacksink/slacktest"
)

// scriptSecret signs what the scripts post.
const scriptSecret = "whsec_c2NyaXB0cy1vbmx5LWtleS0yNC1ieXRlcw=="

// scriptPatience bounds every wait of a script.
const scriptPatience = 20 * time.Second

// TestScripts runs the command line as a user does. Commands beside those of
// testscript:
//
//	sink NAME [STATUS]     an HTTP destination at $NAME_URL, which answers STATUS (204)
//	slack                  the Slack stand-in at $SLACK_API, with the channel $SLACK_CHANNEL
//	ready                  wait until the relay at $LISTEN accepts
//	await NAME N           wait until the destination has got N requests or messages; they are in NAME.got
//	shows PATH TEXT        wait until the admin API answers a GET with the text
//	post STATUS FILE [ID]  post the file, signed, to $LISTEN/webhooks/recall
//	api STATUS METHOD PATH [BODY]  ask $ADMIN with $TOKEN; the answer is in answer.json
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setUpScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sink": scriptSink, "slack": scriptSlack, "ready": scriptReady, "await": scriptAwait, "post": scriptPost, "api": scriptAPI, "shows": scriptShows,
		},
	})
}

type destinations struct {
	http  map[string]*fakeSink
	slack *slacktest.Server
}

type destinationsKey struct{}

func setUpScript(env *testscript.Env) error {
	for _, name := range []string{"LISTEN", "ADMIN"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		env.Setenv(name, listener.Addr().String())
	}
	env.Setenv("RECALL_WEBHOOK_SECRET", scriptSecret)
	example, err := filepath.Abs("../../config.example.yaml")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLE", example)
	ds := &destinations{http: map[string]*fakeSink{}}
	env.Values[destinationsKey{}] = ds
	env.Defer(func() {
		for _, s := range ds.http {
			s.server.Close()
		}
		if ds.slack != nil {
			ds.slack.Close()
		}
	})
	return nil
}

// fakeSink is an HTTP destination that keeps what it gets.
type fakeSink struct {
	server *httptest.Server
	status int

	mu  sync.Mutex
	got []string
}

func (f *fakeSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.got = append(f.got, fmt.Sprintf("%s %s %s\n", r.Header.Get("webhook-id"), r.Header.Get("botrelay-event"), body))
	f.mu.Unlock()
	w.WriteHeader(f.status)
}

func (f *fakeSink) received() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.got...)
}

func ofScript(ts *testscript.TestScript) *destinations {
	return ts.Value(destinationsKey{}).(*destinations)
}

func scriptSink(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: sink NAME [STATUS]")
	}
	f := &fakeSink{status: http.StatusNoContent}
	if len(args) > 1 {
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		f.status = status
	}
	f.server = httptest.NewServer(f)
	ofScript(ts).http[args[0]] = f
	ts.Setenv(args[0]+"_URL", f.server.URL)
}

func scriptSlack(ts *testscript.TestScript, neg bool, args []string) {
	s, err := slacktest.New(slacktest.Options{Token: "xoxb-scripts", Channels: []string{"C0SCRIPT001"}, WebhookPath: "/services/T0/B0/script"})
	ts.Check(err)
	ofScript(ts).slack = s
	ts.Setenv("SLACK_API", s.APIURL())
	ts.Setenv("SLACK_CHANNEL", "C0SCRIPT001")
	ts.Setenv("SLACK_WEBHOOK_URL", s.WebhookURL())
}

func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	url := "http://" + ts.Getenv("LISTEN") + "/readyz"
	waitUntil(ts, "the relay is ready", func() error {
		answer, err := http.Get(url)
		if err != nil {
			return err
		}
		answer.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %d", answer.StatusCode)
		}
		return nil
	})
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	var got []string
	waitUntil(ts, fmt.Sprintf("%s has %d", args[0], want), func() error {
		got = ofScript(ts).got(args[0])
		if len(got) < want {
			return fmt.Errorf("it has %d", len(got))
		}
		return nil
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".got"), []byte(strings.Join(got, "")), 0o600))
}

func (d *destinations) got(name string) []string {
	if name != "slack" {
		return d.http[name].received()
	}
	var texts []string
	for _, m := range d.slack.Messages() {
		texts = append(texts, m.Channel+" "+m.Text+"\n")
	}
	return append(texts, d.slack.Faults()...)
}

func scriptPost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: post STATUS FILE [ID]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	body := ts.ReadFile(args[1])
	id := "msg_" + strings.TrimSuffix(filepath.Base(args[1]), filepath.Ext(args[1]))
	if len(args) > 2 {
		id = args[2]
	}
	client := &http.Client{Timeout: scriptPatience}
	defer client.CloseIdleConnections()
	post, err := newSender("http://"+ts.Getenv("LISTEN")+"/webhooks/recall", scriptSecret, client)
	ts.Check(err)
	status, err := post.post(context.Background(), id, []byte(body))
	ts.Check(err)
	if status != want {
		ts.Fatalf("post %s: answered %d, want %d", args[1], status, want)
	}
}

func scriptAPI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: api STATUS METHOD PATH [BODY]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var body io.Reader
	if len(args) > 3 {
		body = strings.NewReader(args[3])
	}
	req, err := http.NewRequest(args[1], "http://"+ts.Getenv("ADMIN")+args[2], body)
	ts.Check(err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := ts.Getenv("TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: scriptPatience}
	defer client.CloseIdleConnections()
	answer, err := client.Do(req)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode != want {
		ts.Fatalf("%s %s: answered %d %s, want %d", args[1], args[2], answer.StatusCode, text, want)
	}
	ts.Check(os.WriteFile(ts.MkAbs("answer.json"), text, 0o600))
}

// scriptShows waits until the answer to a GET holds a text.
func scriptShows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows PATH TEXT")
	}
	waitUntil(ts, args[0]+" shows "+args[1], func() error {
		scriptAPI(ts, false, []string{"200", http.MethodGet, args[0]})
		if text := ts.ReadFile("answer.json"); !strings.Contains(text, args[1]) {
			return fmt.Errorf("it shows %s", text)
		}
		return nil
	})
}

// waitUntil asks again and again until there is no error.
func waitUntil(ts *testscript.TestScript, what string, ask func() error) {
	deadline := time.Now().Add(scriptPatience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %v: %s: %v", scriptPatience, what, err)
		}
		<-tick.C
	}
}
