package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const canary = "s3cret-canary/\"x\" \u00e9"

// FuzzLoad: any text gives a File that may be used or says where it is wrong;
// nothing that came from a reference is in any message.
func FuzzLoad(f *testing.F) {
	names, _ := filepath.Glob("testdata/faults/*.txt")
	for _, name := range append(names, examplePath) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		text := string(data)
		if _, rest, ok := strings.Cut(text, "-- config.yaml --\n"); ok {
			text, _, _ = strings.Cut(rest, "-- problems --\n")
		}
		f.Add(text)
	}
	f.Add("a: &a [*a]\n? {b: c}\n: d\n<<: [*a, {e: f}]\n")
	f.Add("\ufeffsources: \"\\\n x\"\r\nsinks: 'a''b'\rroutes: |\n  x\u0085y\u2028z")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 || strings.Contains(text, "canary") {
			t.Skip()
		}
		for _, skip := range []bool{false, true} {
			checkLoaded(t, text, Load("config.yaml", Options{
				Getenv: func(string) (string, bool) { return canary, true },
				ReadFile: func(name string) ([]byte, error) {
					if name == "config.yaml" {
						return []byte(text), nil
					}
					return []byte(canary + "\n"), nil
				},
				Mounted:     func(string) bool { return true },
				SkipSecrets: skip,
			}))
		}
	})
}

func checkLoaded(t *testing.T, text string, f *File) {
	t.Helper()
	decodeSinks(f)
	for _, s := range f.Sinks {
		if len(f.masks) > 0 { // a sink knows what is behind references only if there are any
			s.Block.Errorf("labels.a[0].b", "%q %v", canary, canary)
			s.Block.Warnf("topic", "%s", "about "+canary)
		}
	}
	for _, p := range f.Problems() {
		said := p.String()
		switch {
		case p.Line < 1 || p.Col < 1 || p.Line > len(newSourceText(text).lines):
			t.Errorf("%q is at %d:%d of %q", said, p.Line, p.Col, text)
		case p.Message == "" || strings.ContainsAny(said, "\n\r") || !utf8.ValidString(said) || len(said) > 2000:
			t.Errorf("%q is no line for people", said)
		case strings.Contains(said, "canary"):
			t.Errorf("%q shows what is behind a reference in %q", said, text)
		}
		if n := strings.Count(p.Excerpt(), "\n"); n != 0 && n != 2 {
			t.Errorf("the excerpt of %q has %d lines", said, n)
		}
	}
	if f.Routes == nil {
		t.Error("there is no table of routes")
	}
	if !f.Faulty() && (len(f.Sources) == 0 || len(f.Sinks) == 0 || len(f.routes) == 0) {
		t.Errorf("%q is good, with %d sources, %d sinks, %d routes", text, len(f.Sources), len(f.Sinks), len(f.routes))
	}
}

// FuzzPatternCovers: where one pattern covers another, it matches whatever the
// other matches.
func FuzzPatternCovers(f *testing.F) {
	f.Add("bot.*", "bot.f*", "bot.fatal")
	f.Add("*a*", "ba*", "bac")
	f.Add(`\**`, `\*x`, "*x")
	f.Add(`a\b*`, `a\\*`, `a\*`)
	f.Fuzz(func(t *testing.T, wide, narrow, text string) {
		w, n := pattern{text: wide}.compile(), pattern{text: narrow}.compile()
		if utf8.ValidString(wide+narrow+text) && patternCovers(wide, narrow) && n.Match(text) && !w.Match(text) {
			t.Errorf("%q covers %q, but does not match %q", wide, narrow, text)
		}
		if !patternCovers(wide, wide) || !patternCovers("*", narrow) {
			t.Errorf("%q does not cover itself, or * not %q", wide, narrow)
		}
	})
}
