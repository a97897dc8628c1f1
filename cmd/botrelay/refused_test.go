package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"botrelay/sinks/slacksink/slacktest"
)

const plainConfiguration = `
listen: {listen}
store: {store}
log: {level: warn}
sources: {recall: {secrets: "{secret}"}}
sinks: {hook: {type: http, url: "%s"}}
routes: [{name: everything, to: hook}]
`

// exit waits for a relay that ends by itself and returns its exit code with
// the last line that it said.
func (p *relayProcess) exit() (code int, last string) {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("the relay does not end\n%s", p.stderr)
	}
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return p.cmd.ProcessState.ExitCode(), lines[len(lines)-1]
}

// TestStoreNotWritable runs the relay on a read-only file system, since root
// writes into any folder.
func TestStoreNotWritable(t *testing.T) {
	t.Parallel()
	unshare, err := exec.LookPath("unshare")
	if err == nil {
		err = exec.Command(unshare, "-m", "true").Run()
	}
	if err != nil {
		if os.Getenv("BOTRELAY_TEST_SYSTEM") == "require" {
			t.Fatalf("a mount namespace is needed: %v", err)
		}
		t.Skipf("no mount namespace: %v", err)
	}
	mount := t.TempDir()
	relay := newRelayProcess(t, strings.Replace(fmt.Sprintf(plainConfiguration, "http://127.0.0.1:1/"), "{store}", mount+"/data", 1),
		unshare, "-m", "sh", "-c", `mount -t tmpfs -o ro tmpfs "$0" && exec "$@"`, mount)
	relay.launch()
	code, last := relay.exit()
	want := fmt.Sprintf("botrelay: %s/data is not writable by uid %d (chown %d it, or use a named volume)", mount, os.Getuid(), os.Getuid())
	if code != 1 || last != want {
		t.Errorf("exit %d\n got %s\nwant %s", code, last, want)
	}
}

// TestStoreDamaged overwrites the middle of the database: the relay ends with
// one line that names the remedy, and the remedy works.
func TestStoreDamaged(t *testing.T) {
	t.Parallel()
	sink := newCountingSink(t, "")
	relay := newRelayProcess(t, fmt.Sprintf(plainConfiguration, sink.url()))
	relay.start()
	post, err := newSender(relay.url(), scriptSecret, localClient())
	if err != nil {
		t.Fatal(err)
	}
	defer post.client.CloseIdleConnections()
	for i := range 300 {
		if status, err := post.post(t.Context(), fmt.Sprintf("msg-b-%d", i), []byte(`{"event":"bot.done","data":{}}`)); status != 202 {
			t.Fatalf("answered %d: %v", status, err)
		}
	}
	relay.stop()
	db := filepath.Join(relay.storePath(), "botrelay.db")
	content, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	// The schema's page: nothing can be done without it.
	copy(content[100:3000], strings.Repeat("\xff", 2900))
	if err := os.WriteFile(db, content, 0o600); err != nil {
		t.Fatal(err)
	}
	relay.launch()
	code, last := relay.exit()
	want := fmt.Sprintf("botrelay: %s is damaged; run: botrelay backup --salvage FOLDER, then put FOLDER where store points", relay.storePath())
	if code != 1 || last != want {
		t.Errorf("exit %d\n got %s\nwant %s", code, last, want)
	}
}

// TestStoreFull fills a store whose sink takes nothing: from then on 503, one
// line that says so, and by itself again once the sink has taken what waits.
func TestStoreFull(t *testing.T) {
	t.Parallel()
	dead := freeAddress(t)
	relay := newRelayProcess(t, fmt.Sprintf(plainConfiguration, "http://"+dead+"/")+"retention: {max_disk: 2MiB}\n")
	relay.start()
	post, err := newSender(relay.url(), scriptSecret, localClient())
	if err != nil {
		t.Fatal(err)
	}
	defer post.client.CloseIdleConnections()
	body := []byte(`{"event":"bot.done","data":{"padding":"` + strings.Repeat("x", 30<<10) + `"}}`)
	var acked []string
	full := false
	for i := 0; i < 300 && !full; i++ {
		id := fmt.Sprintf("msg-b%d-0", i)
		status, err := post.post(t.Context(), id, body)
		switch {
		case err != nil:
			t.Fatal(err)
		case status == http.StatusAccepted:
			acked = append(acked, id)
		case status == http.StatusServiceUnavailable:
			full = true
		default:
			t.Fatalf("answered %d", status)
		}
	}
	if !full || len(acked) < 10 {
		t.Fatalf("not full after %d events", len(acked))
	}
	until(t, "the log says that the store is full", func() error {
		if !strings.Contains(relay.stderr.String(), "full") {
			return fmt.Errorf("it says:\n%s", relay.stderr)
		}
		return nil
	})
	sink := newCountingSink(t, dead)
	until(t, "everything acknowledged arrives", func() error {
		if m := sink.missing(acked); m > 0 {
			return fmt.Errorf("%d of %d are missing", m, len(acked))
		}
		return nil
	})
	until(t, "the relay accepts again", func() error {
		if status, _ := post.post(t.Context(), "msg-again-0", body); status != http.StatusAccepted && status != http.StatusOK {
			return fmt.Errorf("answered %d", status)
		}
		return nil
	})
	relay.stop()
}

// TestSlackUnreachable starts with a Slack that is not there: the alert waits,
// the log says why, and it arrives when Slack is back.
func TestSlackUnreachable(t *testing.T) {
	t.Parallel()
	slack, err := slacktest.New(slacktest.Options{Token: "xoxb-t", Channels: []string{"C0REFUSED01"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	other := newCountingSink(t, "")
	configuration := func(api string) string {
		return fmt.Sprintf(`
listen: {listen}
store: {store}
log: {level: info}
sources: {recall: {secrets: "{secret}"}}
sinks:
  alerts: {type: slack, token: xoxb-t, channel: C0REFUSED01, api_url: "%s"}
  other: {type: http, url: "%s"}
  lake: {type: kafka, brokers: "%s", topic: t}
routes: [{name: everything, to: [alerts, other, lake]}]
`, api, other.url(), freeAddress(t))
	}
	relay := newRelayProcess(t, configuration("http://"+freeAddress(t)+"/api/"))
	relay.start()
	post, err := newSender(relay.url(), scriptSecret, localClient())
	if err != nil {
		t.Fatal(err)
	}
	defer post.client.CloseIdleConnections()
	body := []byte(`{"event":"bot.fatal","data":{"data":{"code":"fatal","sub_code":"meeting_full"},"bot":{"id":"b-1"}}}`)
	if status, err := post.post(t.Context(), "msg-b-1", body); status != 202 {
		t.Fatalf("answered %d: %v", status, err)
	}
	for _, sink := range []string{"alerts", "lake"} {
		until(t, sink+" is said to be unreachable", func() error {
			for line := range strings.Lines(relay.stderr.String()) {
				if strings.Contains(line, `"sink":"`+sink+`"`) && strings.Contains(line, "connection refused") {
					return nil
				}
			}
			return fmt.Errorf("the log:\n%s", relay.stderr)
		})
	}
	if strings.Contains(relay.stderr.String(), "xoxb") {
		t.Errorf("the token is in the log:\n%s", relay.stderr)
	}
	until(t, "the other sink has it", func() error {
		if other.received() != 1 {
			return fmt.Errorf("%d", other.received())
		}
		return nil
	})
	relay.stop()
	relay.configure(configuration(slack.APIURL()))
	relay.start()
	until(t, "the alert is in Slack", func() error {
		if len(slack.Messages()) == 0 {
			return fmt.Errorf("no message; the log:\n%s", relay.stderr)
		}
		return nil
	})
	relay.stop()
	if other.repeated() != 0 {
		t.Errorf("the other sink got it again")
	}
}

// TestStandardOutputClosed takes the reader of standard output away: that is a
// failed delivery of the log sink and nothing else.
func TestStandardOutputClosed(t *testing.T) {
	t.Parallel()
	sink := newCountingSink(t, "")
	relay := newRelayProcess(t, fmt.Sprintf(`
listen: {listen}
store: {store}
log: {level: error}
sources: {recall: {secrets: "{secret}"}}
sinks: {console: {type: log}, hook: {type: http, url: "%s"}}
routes: [{name: everything, to: [console, hook]}]
`, sink.url()))
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	relay.stdout = writer
	relay.start()
	writer.Close()
	reader.Close()
	post, err := newSender(relay.url(), scriptSecret, localClient())
	if err != nil {
		t.Fatal(err)
	}
	defer post.client.CloseIdleConnections()
	for i := range 5 {
		if status, err := post.post(t.Context(), fmt.Sprintf("msg-b%d-0", i), []byte(`{"event":"bot.done","data":{}}`)); status != 202 {
			t.Fatalf("answered %d: %v\n%s", status, err, relay.stderr)
		}
		until(t, "the other sink has it", func() error {
			if sink.received() <= i {
				return fmt.Errorf("it has %d", sink.received())
			}
			return nil
		})
	}
	relay.stop()
}

// TestShutdownIsOneGrace stops a relay that has a request dripping in and a
// delivery that hangs: both share the grace, and the exit is a good one.
func TestShutdownIsOneGrace(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case entered <- struct{}{}:
		default: // sent again: the first was cut off
		}
		<-release
	}))
	t.Cleanup(func() { close(release); hang.Close() })
	relay := newRelayProcess(t, fmt.Sprintf(plainConfiguration, hang.URL)+"shutdown: {grace: 2s}\n")
	relay.start()
	post, err := newSender(relay.url(), scriptSecret, localClient())
	if err != nil {
		t.Fatal(err)
	}
	defer post.client.CloseIdleConnections()
	if status, err := post.post(t.Context(), "msg-b-0", []byte(`{"event":"bot.done","data":{}}`)); status != 202 {
		t.Fatalf("answered %d: %v", status, err)
	}
	<-entered
	drip, err := net.Dial("tcp", relay.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer drip.Close()
	fmt.Fprintf(drip, "POST /webhooks/recall HTTP/1.1\r\nHost: r\r\nsvix-id: msg_1\r\nsvix-timestamp: %d\r\nsvix-signature: v1,AAAA\r\nContent-Length: 100\r\n\r\nx", time.Now().Unix())
	began := time.Now()
	relay.stop() // fails the test unless the exit code is 0
	// Two graces one after the other would take 4 s and what settling takes.
	if took := time.Since(began); took > 2*2*time.Second {
		t.Errorf("the shutdown took %v, the grace is 2 s", took)
	}
}
