package main

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"botrelay/relay/store/pgstore/pgtest"
)

var update = flag.Bool("update", false, "rewrite the expected outputs of the scripts")

// TestMain makes this test binary the botrelay of the scripts and of the tests
// that start whole processes.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{pgtest.Runner{M: m, Shared: &database}}, map[string]func(){"botrelay": main})
}

type leakChecked struct{ m testscript.TestingM }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			return 1
		}
	}
	return code
}
