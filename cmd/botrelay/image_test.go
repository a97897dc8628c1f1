package main

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestImageBinary builds the binary by the Dockerfile's own command: it must
// run on an image that has nothing but it, and say its version.
func TestImageBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the whole program once more")
	}
	t.Parallel()
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*?) \\$`).FindSubmatch(dockerfile)
	if line == nil {
		t.Fatal("the Dockerfile has no line that builds")
	}
	out := t.TempDir()
	build := exec.Command("sh", "-c", strings.ReplaceAll(string(line[1]), "/out/", out+"/"))
	build.Dir = "../.."
	build.Env = append(os.Environ(), "VERSION=1.2.3", "COMMIT=0123456789abcdef")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	binary := filepath.Join(out, "botrelay")
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary wants a dynamic loader")
		}
	}
	if needed, err := file.ImportedLibraries(); err != nil || len(needed) > 0 {
		t.Errorf("the binary wants %v (%v)", needed, err)
	}
	if info, err := os.Stat(binary); err != nil || info.Size() > 40<<20 {
		t.Errorf("the binary has %d bytes, 40 MiB are the most: %v", info.Size(), err)
	}
	version := exec.Command(binary, "version")
	version.Env = []string{}
	text, err := version.Output()
	if err != nil || !strings.HasPrefix(string(text), "botrelay 1.2.3 (commit 0123456, go1.") {
		t.Errorf("version: %v\n%s", err, text)
	}
}
