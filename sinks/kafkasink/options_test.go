package kafkasink

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"botrelay/relay/config"
	"botrelay/sinks/kafkasink/kafkatest"
)

// configure reads a configuration whose sink has these lines, and whose route
// "all" gives it these options.
func configure(t *testing.T, sink, options string) (Options, []string) {
	t.Helper()
	text := "sources: {recall: {secrets: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}}\n" +
		"sinks:\n  lake:\n    type: kafka\n    " + strings.ReplaceAll(strings.TrimSpace(sink), "\n", "\n    ") + "\n" +
		"routes:\n- {name: all, to: [lake: " + options + "]}\n"
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := config.Load(path, config.Options{})
	o := Configure(f.Sinks[0].Block, f.Sinks[0].Routes)
	var faults []string
	for _, p := range f.Problems() {
		if !p.Warning {
			p.File = "c"
			faults = append(faults, p.String())
		}
	}
	return o, faults
}

func TestConfigureDefaults(t *testing.T) {
	o, faults := configure(t, "brokers: kafka-1:9092\ntopic: recall.bot-events", "{}")
	if faults != nil {
		t.Fatalf("faults: %q", faults)
	}
	want := DefaultOptions()
	want.Type = "kafka"
	want.Brokers, want.Topic = []string{"kafka-1:9092"}, "recall.bot-events"
	want.Routes = map[string]RouteOptions{"all": {}}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if o.Concurrency != 256 || o.ClientID != "botrelay" || o.MaxRecord != 1<<20 || o.Timeout != 15*time.Second {
		t.Errorf("defaults: got %+v", o)
	}
	if _, err := New("lake", o); err != nil {
		t.Error(err)
	}
}

func TestConfigureEverything(t *testing.T) {
	dir := t.TempDir()
	authority, err := kafkatest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Client("relay")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"ca.pem": authority.PEM(), "cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o, faults := configure(t, fmt.Sprintf(`
brokers: ["kafka-1:9092", "[::1]:9092"]
topic: ev
key: one
client_id: me
max_record: 2MiB
concurrency: 4
tls: {ca: %[1]s/ca.pem, cert: %[1]s/cert.pem, key: %[1]s/key.pem, server_name: kafka.internal}`, dir), "{topic: other, key: two}")
	if faults != nil {
		t.Fatalf("faults: %q", faults)
	}
	if o.Key != "one" || o.ClientID != "me" || o.MaxRecord != 2<<20 || o.Concurrency != 4 || len(o.Brokers) != 2 {
		t.Errorf("got %+v", o)
	}
	if diff := cmp.Diff(map[string]RouteOptions{"all": {Topic: "other", Key: "two"}}, o.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if o.Secure.ServerName != "kafka.internal" || len(o.Secure.Certificates) != 1 || !o.Secure.RootCAs.Equal(authority.Pool()) {
		t.Errorf("tls: got server name %q, %d certificates", o.Secure.ServerName, len(o.Secure.Certificates))
	}
}

func TestConfigureFaults(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "brokers: k:9092\ntopic: ev\n"
	for _, c := range []struct{ name, sink, route, want string }{
		{"nothing", "order: bot", "{}", "c:3:3: sinks.lake: needs brokers"},
		{"no port", "brokers: [k:9092, kafka-1]\ntopic: ev", "{}", `c:5:23: sinks.lake.brokers[1]: "kafka-1" is not host:port (write kafka-1:9092)`},
		{"URL", "brokers: kafka://k:9092\ntopic: ev", "{}", `"kafka://k:9092" is not host:port (write kafka-1.example.com:9092)`},
		{"port", "brokers: k:0\ntopic: ev", "{}", `"k:0" has no port between 1 and 65535`},
		{"topic", "brokers: k:9092\ntopic: bot events", "{}", `sinks.lake.topic: "bot events" is not the name of a topic: a-z A-Z 0-9 . _ -`},
		{"long topic", "brokers: k:9092\ntopic: " + strings.Repeat("x", 250), "{}", "at most 249 characters, this one has 250"},
		{"dots", "brokers: k:9092\ntopic: ..", "{}", `".." is not the name of a topic`},
		{"empty topic", "brokers: k:9092\ntopic: ''", "{}", "sinks.lake.topic: topic is empty"},
		{"template topic", "brokers: k:9092\ntopic: 'recall.{{ .bot.metadata.tenant }}'", "{}", "sinks.lake.topic: templates are not supported yet (write the name of one topic)"},
		{"template key", good + "key: '{{ .key }}'", "{}", "sinks.lake.key: templates are not supported yet (leave key out: then it is the bot id)"},
		{"template in route", good, "{topic: 'x.{{ .source }}'}", "templates are not supported yet"},
		{"topic in route", good, "{topic: a/b}", `"a/b" is not the name of a topic`},
		{"route option", good, "{brokers: k:9092}", "brokers is not an option of a kafka sink (topic key)"},
		{"unknown key", good + "acks: all", "{}", `unknown key "acks"`},
		{"small record", good + "max_record: 10B", "{}", "max_record"},
		{"huge record", good + "max_record: 2GiB", "{}", "no broker takes a record over 1GiB"},
		{"no CA there", good + "tls: {ca: " + dir + "/missing.pem}", "{}", "sinks.lake.tls.ca: cannot read " + dir + "/missing.pem"},
		{"CA is no PEM", good + "tls: {ca: " + garbage + "}", "{}", "sinks.lake.tls.ca: there is no certificate in " + garbage + " (it must be PEM)"},
		{"cert alone", good + "tls: {cert: " + garbage + "}", "{}", "sinks.lake.tls.cert: cert needs key beside it"},
		{"key alone", good + "tls: {key: " + garbage + "}", "{}", "sinks.lake.tls.key: key needs cert beside it"},
		{"cert is no PEM", good + "tls: {cert: " + garbage + ", key: " + garbage + "}", "{}", "cert and key cannot be used together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, faults := configure(t, c.sink, c.route)
			for _, f := range faults {
				if strings.Contains(f, c.want) {
					return
				}
			}
			t.Errorf("got %q, want one with %q", faults, c.want)
		})
	}
}

// TestNewRefusesWhatConfigureWould: a program that makes its Options itself
// gets an error, not a sink that fails later.
func TestNewRefusesWhatConfigureWould(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no brokers":        func(o *Options) { o.Brokers = nil },
		"broker":            func(o *Options) { o.Brokers = []string{"k"} },
		"no topic":          func(o *Options) { o.Topic = "" },
		"topic of a route":  func(o *Options) { o.Routes = map[string]RouteOptions{"r": {Topic: "a b"}} },
		"no room":           func(o *Options) { o.MaxRecord = 0 },
		"tls without files": func(o *Options) { o.TLS = &TLS{} },
	} {
		o := DefaultOptions()
		o.Brokers, o.Topic = []string{"k:9092"}, "ev"
		spoil(&o)
		if _, err := New("lake", o); err == nil {
			t.Errorf("%s: New has no error", name)
		}
	}
}
