package sinks

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says what a package of the module may import of the module. The
// first line whose left side is the package, or a folder above it, holds. A
// right side that ends in /... is a folder with all below it.
//
// Every package but relay may import what lies below it, as a sink does its
// stand-in for tests.
var arrows = []struct {
	from string
	to   []string
}{
	{"cmd", []string{"relay/...", "sinks/..."}},
	{"sinks/internal", []string{"relay", "relay/config", "relay/recall", "sinks/internal/..."}},
	{"sinks/slacksink", []string{"relay", "relay/config", "relay/recall", "sinks/internal/...", "sinks/slacksink/..."}},
	{"sinks/kafkasink", []string{"relay", "relay/config", "relay/recall", "sinks/internal/...", "sinks/kafkasink/..."}},
	{"sinks/httpsink", []string{"relay", "relay/config", "relay/recall", "sinks/internal/..."}},
	{"sinks/logsink", []string{"relay", "relay/config", "relay/recall", "sinks/internal/..."}},
	{"sinks", []string{"relay", "relay/config"}},
	{"relay/receive", []string{"relay", "relay/route", "relay/recall"}},
	{"relay/watch", []string{"relay", "relay/route", "relay/recall"}},
	{"relay/config", []string{"relay", "relay/route", "relay/recall"}},
	{"relay/admin", []string{"relay", "relay/receive", "relay/watch", "relay/config", "relay/route", "relay/recall"}},
	{"relay/route", []string{"relay"}},
	{"relay/recall", []string{"relay"}},
	{"relay/store/storetest", []string{"relay", "relay/store"}},
	{"relay/store/sqlitestore", []string{"relay", "relay/store"}},
	{"relay/store/pgstore", []string{"relay", "relay/store"}},
	{"relay/store", []string{"relay"}},
}

// onlyTests are arrows that test files alone may use.
var onlyTests = map[string][]string{
	"relay/admin":             {"relay/store/sqlitestore"},
	"relay/store/sqlitestore": {"relay/store/storetest"},
	"relay/store/pgstore":     {"relay/store/storetest"},
}

// isolated names the only places of a dependency, tests included.
var isolated = map[string][]string{
	"github.com/segmentio/kafka-go":   {"sinks/kafkasink"},
	"github.com/slack-go/slack":       {"sinks/slacksink"},
	"github.com/ncruces/go-sqlite3":   {"relay/store/sqlitestore"},
	"github.com/jackc/pgx":            {"relay/store/pgstore"},
	"gopkg.in/yaml.v3":                {"relay/config"},
	"github.com/svix/svix-webhooks":   {"relay/receive", "sinks/httpsink", "cmd"}, // verify; sign; simulate and measure
	"github.com/spf13/cobra":          {"cmd/botrelay"},
	"github.com/rogpeppe/go-internal": {"cmd"},
}

// onlyStandard are the packages that depend on the standard library alone, but
// for their tests.
var onlyStandard = []string{"relay", "relay/route"}

// TestImportsPointOneWay reads the files itself: what a started `go list` reads
// would be unknown to the cache of test results.
func TestImportsPointOneWay(t *testing.T) {
	const module = "botrelay"
	root := moduleRoot(t)
	var seen int
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (entry.Name() == "testdata" || strings.ContainsAny(entry.Name()[:1], "._")) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		from := path.Dir(filepath.ToSlash(relative))
		seen++
		for _, imported := range importsOf(t, name) {
			if why := wrong(from, imported, module, strings.HasSuffix(name, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", relative, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files were looked at below %s", seen, root)
	}
}

// wrong says what is wrong with an import, or nothing.
func wrong(from, imported, module string, test bool) string {
	to, own := strings.CutPrefix(imported, module+"/")
	if own {
		switch {
		case from != "relay" && below(from, to), test && slices.Contains(onlyTests[from], to):
			return ""
		}
		for _, a := range arrows {
			if !below(a.from, from) {
				continue
			}
			if slices.ContainsFunc(a.to, func(pattern string) bool { return covers(pattern, to) }) {
				return ""
			}
			return a.from + " may import " + strings.Join(a.to, ", ")
		}
		return "no arrow of this test allows it"
	}
	for library, places := range isolated {
		if below(library, imported) && !slices.ContainsFunc(places, func(place string) bool { return below(place, from) }) {
			return "only " + strings.Join(places, ", ") + " may"
		}
	}
	if !test && slices.Contains(onlyStandard, from) && strings.Contains(imported, ".") {
		return from + " depends on the standard library alone"
	}
	return ""
}

func covers(pattern, name string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return below(folder, name)
	}
	return pattern == name
}

// below tells whether name is folder or lies in it.
func below(folder, name string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, i := range parsed.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, imported)
	}
	return imports
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		above := filepath.Dir(folder)
		if above == folder {
			t.Fatal("there is no go.mod above the test")
		}
		folder = above
	}
}

// TestWrong holds the rule itself: a rule that lets everything pass would
// pass, too.
func TestWrong(t *testing.T) {
	for _, tt := range []struct {
		from, imported string
		test, good     bool
	}{
		{"cmd/botrelay", "botrelay/sinks", false, true},
		{"cmd/botrelay", "botrelay/cmd/relaybench", false, false},
		{"relay", "botrelay/relay/route", false, false},
		{"relay", "botrelay/sinks", false, false},
		{"relay", "golang.org/x/sync/errgroup", false, false},
		{"relay", "go.uber.org/goleak", true, true},
		{"relay/config", "botrelay/relay/route", false, true},
		{"relay/config", "botrelay/sinks/httpsink", true, false},
		{"relay/route", "botrelay/relay/recall", false, false},
		{"relay/store/sqlitestore", "botrelay/relay/store/storetest", true, true},
		{"relay/store/sqlitestore", "botrelay/relay/store/storetest", false, false},
		{"sinks/httpsink", "botrelay/sinks/kafkasink", false, false},
		{"sinks/httpsink", "botrelay/relay/store", false, false},
		{"sinks/slacksink/slacktest", "github.com/slack-go/slack", false, true},
		{"sinks/httpsink", "github.com/slack-go/slack", true, false},
		{"relay/config", "gopkg.in/yaml.v3", false, true},
		{"cmd/botrelay", "gopkg.in/yaml.v3", false, false},
		{"somewhere", "botrelay/relay", false, false},
	} {
		if why := wrong(tt.from, tt.imported, "botrelay", tt.test); (why == "") != tt.good {
			t.Errorf("%s imports %s (test: %v): %q", tt.from, tt.imported, tt.test, why)
		}
	}
}
