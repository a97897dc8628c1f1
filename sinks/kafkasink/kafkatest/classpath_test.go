package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withMaven makes the environment that of a machine with an empty cache, where
// mvn is that shell script; an empty one is no mvn.
func withMaven(t *testing.T, script string) (cache string) {
	t.Helper()
	if !supported {
		t.Skip("brokers are run on Linux alone")
	}
	bin, cache := t.TempDir(), t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	if script == "" {
		t.Setenv("PATH", bin)
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("BOTRELAY_TEST_KAFKA_CLASSPATH", "")
	return cache
}

// copies is a Maven that copies one jar to where it is told to, and writes a
// line for each time that it is run.
const copies = `for a; do case $a in -DoutputDirectory=*) dir=${a#*=};; esac; done
echo run >> "$XDG_CACHE_HOME/runs"; mkdir -p "$dir" && echo jar > "$dir/kafka.jar"
`

// TestClassPathIsMadeOnce: tests of several packages may start at once.
func TestClassPathIsMadeOnce(t *testing.T) {
	cache := withMaven(t, copies)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := ClassPath(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if jars, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.jar")); len(jars) != 1 || filepath.Base(path) != "*" {
				t.Errorf("class path %s: %d jars, want 1", path, len(jars))
			}
		})
	}
	group.Wait()
	runs, err := os.ReadFile(filepath.Join(cache, "runs"))
	if err != nil || strings.Count(string(runs), "run") != 1 {
		t.Errorf("Maven ran as %q (%v), want once", runs, err)
	}
	left, _ := filepath.Glob(filepath.Join(cache, "botrelay-test", "download-*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestClassPathMissing(t *testing.T) {
	t.Run("no Maven", func(t *testing.T) {
		withMaven(t, "")
		if _, err := ClassPath(t.Context()); !errors.Is(err, ErrNotInstalled) {
			t.Errorf("got %v, want %v", err, ErrNotInstalled)
		}
	})
	t.Run("no network", func(t *testing.T) {
		cache := withMaven(t, "echo mirror.example: unknown host >&2; exit 1\n")
		_, err := ClassPath(t.Context())
		if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "unknown host") {
			t.Errorf("got %v, want %v and what Maven said", err, ErrNotInstalled)
		}
		if dirs, _ := filepath.Glob(filepath.Join(cache, "botrelay-test", "kafka-*[^k]")); len(dirs) != 0 {
			t.Errorf("half a class path stays: %v", dirs)
		}
	})
	t.Run("given", func(t *testing.T) {
		dir := t.TempDir()
		jar, list := filepath.Join(dir, "a.jar"), filepath.Join(dir, "cp.txt")
		for name, content := range map[string]string{jar: "", list: jar + "\n"} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for given, there := range map[string]bool{
			jar: true, dir + "/*": true, "@" + list: true,
			jar + ":" + dir + "/b.jar": false, "@" + dir + "/none": false, dir + "/lib/*": false,
		} {
			t.Setenv("BOTRELAY_TEST_KAFKA_CLASSPATH", given)
			if _, err := ClassPath(t.Context()); (err == nil) != there || err != nil && !errors.Is(err, ErrNotInstalled) {
				t.Errorf("%s: got %v", given, err)
			}
		}
	})
}

// verdict records how a test that asks for a broker ends.
type verdict struct {
	testing.TB
	said string
}

func (v *verdict) Helper()           {}
func (v *verdict) Skip(args ...any)  { v.end("skipped", fmt.Sprint(args...)) }
func (v *verdict) Fatal(args ...any) { v.end("failed", fmt.Sprint(args...)) }
func (v *verdict) Fatalf(format string, args ...any) {
	v.end("failed", fmt.Sprintf(format, args...))
}

func (v *verdict) end(how, text string) {
	v.said = how + ": " + text
	runtime.Goexit()
}

// TestWhatIsMissingFailsWhereItIsRequired: a gate must not pass by skipping.
func TestWhatIsMissingFailsWhereItIsRequired(t *testing.T) {
	withMaven(t, "")
	t.Setenv("JAVA_HOME", "")
	for mode, want := range map[string]string{
		"require": "failed: not installed", "": "skipped: not installed", "off": "skipped: BOTRELAY_TEST_KAFKA=off",
		"requir": "failed: BOTRELAY_TEST_KAFKA=requir is neither",
	} {
		t.Setenv("BOTRELAY_TEST_KAFKA", mode)
		v, ended := &verdict{TB: t}, make(chan struct{})
		go func() {
			defer close(ended)
			new(Shared).Get(v)
		}()
		<-ended
		if !strings.HasPrefix(v.said, want) {
			t.Errorf("BOTRELAY_TEST_KAFKA=%q: got %q, want %q", mode, v.said, want)
		}
	}
}

// TestBrokerThatDoesNotStartFails: only what is not installed may be skipped.
func TestBrokerThatDoesNotStartFails(t *testing.T) {
	withMaven(t, copies)
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "java"), []byte("#!/bin/sh\necho no memory >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JAVA_HOME", home)
	_, err := Start(context.Background())
	if err == nil || errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("got %v, want what Java said", err)
	}
}
