package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLoadReadsTheSystem uses no test doubles: environment, files, mounts.
func TestLoadReadsTheSystem(t *testing.T) {
	folder := t.TempDir()
	secret, path := filepath.Join(folder, "secret"), filepath.Join(folder, "config.yaml")
	t.Setenv("BOTRELAY_TEST_PORT", "9999")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, goodSecret+"\n")
	write(path, fmt.Sprintf(`sources: {recall: {secrets: "${file:%s}"}}
sinks: {lake: {type: log}}
routes: [{name: all, to: lake}]
listen: ":${env:BOTRELAY_TEST_PORT}"
`, secret))
	f := Load(path, Options{})
	if got := printed(f.Problems()); got != "" || f.Listen != ":9999" || f.Sources[0].Secrets[0] != goodSecret {
		t.Errorf("got %q, %d sources\n%s", f.Listen, len(f.Sources), got)
	}

	cases := map[string]struct{ name, want string }{
		"folder": {folder, "it is a folder"},
		"device": {"/dev/zero", "it is not a file"},
		"absent": {filepath.Join(folder, "none"), "no such file"},
	}
	for name, c := range cases {
		f := Load(c.name, Options{})
		want := fmt.Sprintf("%s:1:1: cannot read %s: %s\n", c.name, c.name, c.want)
		if got := printed(f.Problems()); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	write(path, strings.Repeat("# a comment\n", 100_000))
	if got, want := printed(Load(path, Options{}).Problems()), fmt.Sprintf("%s:1:1: cannot read %s: it has more than 1 MiB\n", path, path); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMountPoints(t *testing.T) {
	points := mountPoints(`22 1 0:21 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 8:1 /a/config.yaml /etc/botrelay/config.yaml ro,relatime - ext4 /dev/sda1 rw
31 22 8:1 /x /with\040blank\134s ro - ext4 /dev/sda1 rw
short
`)
	for _, want := range []string{"/", "/etc/botrelay/config.yaml", `/with blank\s`} {
		if !points[want] {
			t.Errorf("%s is missing in %v", want, points)
		}
	}
	if points["/a/config.yaml"] {
		t.Error("a root was taken for a mount point")
	}
}

func TestCheckSigningSecret(t *testing.T) {
	for secret, want := range map[Secret]string{
		goodSecret:                        "",
		"whsec_AAAAAAAAAAAAAAAAAAAAAA==":  "",
		"whsec_AAAAAAAAAAAAAAAAAAAAAA=":   "this is not base64 after whsec_ (is the = at the end missing?)",
		"whsec_AAAAAAAAAAAAAAAAAAAA":      "the key has 15 bytes; 16 are the least",
		"whsec_":                          "the key has 0 bytes; 16 are the least",
		goodSecret + "\n":                 "there is a blank in it",
		"":                                "this looks like an API key; the signing secret starts with whsec_",
		"v1," + goodSecret:                `cut "v1," from the front: the secret starts with whsec_`,
		"whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2": "whpk_ is a public key; the secret starts with whsec_",
	} {
		if got := CheckSigningSecret(secret); got != want {
			t.Errorf("%q: got %q, want %q", string(secret), got, want)
		}
	}
}

func TestNotUTF8(t *testing.T) {
	f := load("sources: {}\nsinks: a\xffb\n", world{})
	if got, want := printed(f.Problems()), "config.yaml:2:9: the file is not UTF-8 from here on\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f = load("\xff\xfea\x00:\x00", world{})
	if got, want := printed(f.Problems()), "config.yaml:1:1: the file is not UTF-8 from here on\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHostileFilesAreQuick: none of these may take long or much memory. Each
// takes a tenth of a second; what grows with the square of the size takes
// minutes, so that the limit can spare a busy machine under the race detector.
func TestHostileFilesAreQuick(t *testing.T) {
	var chain strings.Builder
	chain.WriteString("x0: &x0 {a: b}\n")
	for i := 1; i < 30_000; i++ {
		fmt.Fprintf(&chain, "x%d: &x%d {<<: [*x%d, *x%d]}\n", i, i, i-1, i-1)
	}
	cases := map[string]string{
		"flow":     strings.Repeat("[", 1<<19),
		"maps":     strings.Repeat("{a: ", 1<<17),
		"merges":   chain.String()[:1<<20],
		"keys":     strings.Repeat("k: v\n", 1<<17),
		"unclosed": "a: \"" + strings.Repeat("x\n", 1<<18),
		"indent":   strings.Repeat("a:\n", 1<<18) + " b: c\n d\n",
		"quotes":   strings.Repeat("'", 1<<19),
		"anchors":  strings.Repeat("- &a *a\n", 1<<16),
		"long key": strings.Repeat("k", 1<<20-4) + ": v",
		"unknown":  "sources:\n" + manyKeys(20_000),
	}
	for name, text := range cases {
		began := time.Now()
		f := load(text, world{})
		decodeSinks(f)
		problems := f.Problems()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		}
		if len(problems) == 0 {
			t.Errorf("%s: no problem was found", name)
		}
	}
}

// TestManyProblems: the rest of very many is summed up, and a fault after very
// many warnings is still one.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString("sources: {recall: {secrets: \"${env:S}\"}}\nsinks: {lake: {type: log}}\nroutes:\n  - name: a\n    to: lake\n    match: {event: [x0")
	for i := range 2 * recordLimit {
		fmt.Fprintf(&b, ", x%d", i+1)
	}
	b.WriteString("]}\n")
	f := load(b.String(), world{})
	if got := len(f.Problems()); got != recordLimit+1 || f.Faulty() {
		t.Errorf("got %d problems, faulty %v", got, f.Faulty())
	}
	f.sink("lake").Block.Errorf("type", "a fault")
	if got := len(f.Problems()); got != recordLimit+2 || !f.Faulty() {
		t.Errorf("got %d problems, faulty %v", got, f.Faulty())
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  key%d: {secrets: x%d}\n", i, i)
	}
	return b.String()
}

// largeFile has 100 sinks and 300 routes.
func largeFile() string {
	var b strings.Builder
	b.WriteString("sources: {recall: {secrets: \"${env:S}\"}}\nsinks:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  sink%d:\n    type: kafka\n    brokers: [a, b]\n    topic: t\n    retry: {give_up_after: 3h}\n", i)
	}
	b.WriteString("routes:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  - name: route %d\n    match:\n      - {event: [bot.fatal, \"recording.*\"], bot.metadata.tenant: [t%d, null]}\n      - {sub_code: \"zoom_*\"}\n    except: {side: host, bot.metadata.env: dev%d}\n    to: [sink%d, sink%d, {sink%d: {topic: x}}]\n", i, i, i, i%100, (i+1)%100, (i+7)%100)
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	text := largeFile()
	for b.Loop() {
		f := load(text, world{})
		decodeSinks(f)
		if ps := f.Problems(); f.Faulty() {
			b.Fatal(ps)
		}
	}
}
