package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay/config"
)

func TestVolumeWarning(t *testing.T) {
	const warning = "store is inside the container and dies with it (mount a volume at /var/lib/botrelay)"
	tests := []struct {
		name       string
		file       string // that exists
		kubernetes bool
		kind       int64
		want       string
	}{
		{name: "no container", kind: overlayfs},
		{name: "Docker, own layer", file: "/.dockerenv", kind: overlayfs, want: warning},
		{name: "Docker, tmpfs", file: "/.dockerenv", kind: tmpfs, want: warning},
		{name: "Docker, volume", file: "/.dockerenv", kind: 0xef53},
		{name: "Podman, own layer", file: "/run/.containerenv", kind: overlayfs, want: warning},
		{name: "Kubernetes, own layer", kubernetes: true, kind: overlayfs, want: warning},
		{name: "Kubernetes, volume", kubernetes: true, kind: 0x58465342},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := volumeWarning("/var/lib/botrelay/data",
				func(string) (string, bool) { return "", tt.kubernetes },
				func(path string) bool { return path == tt.file },
				func(string) int64 { return tt.kind })
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTellVolumeOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		if err := tellVolume(ctx, slog.New(slog.NewTextHandler(&out, nil)), "it dies"); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "it dies"); n != 3 {
			t.Errorf("told %d times in 150 s, want 3", n)
		}
	})
}

// What check calls good must not be refused by serve.
func TestSourcesThatServeWouldRefuseAreFaults(t *testing.T) {
	for _, source := range []string{
		`path: "/web|hook"`, `path: "/a'b"`, `path: "/a[b]"`, `path: "/a b"`, `path: "/ä"`, `max_body: 64MiB`, `max_body: 33554433B`,
	} {
		file := config.Load("config.yaml", config.Options{
			ReadFile: func(string) ([]byte, error) {
				return []byte(`sources: {recall: {secrets: "` + scriptSecret + `", ` + source + `}}
sinks: {drop: {type: discard}}
routes: [{name: all, to: drop}]
`), nil
			},
		})
		if !file.Faulty() {
			a := assembly{file: file, logger: slog.New(slog.DiscardHandler)}
			if _, err := a.receiver(nil); err != nil {
				t.Errorf("%s: check finds no fault, serve says %v", source, err)
			}
		}
	}
}
