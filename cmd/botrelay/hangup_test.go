package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

const hangupConfig = `
listen: {listen}
admin: {listen: "{admin}"}
store: {store}
sources: {recall: {secrets: "{secret}"}}
sinks:
  first: {type: discard}
routes:
  - {name: all, to: first}
`

// TestHangup holds what SIGHUP does: a good file is taken, one with a fault
// changes nothing, and the relay goes on through both.
func TestHangup(t *testing.T) {
	admin := freeAddress(t)
	configuration := strings.Replace(hangupConfig, "{admin}", admin, 1)
	p := newRelayProcess(t, configuration)
	p.start()
	hangup := func(changed, said string) {
		t.Helper()
		p.configure(changed)
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until(t, "the log says "+said, func() error {
			if !strings.Contains(p.stderr.String(), said) {
				return fmt.Errorf("it says\n%s", p.stderr)
			}
			return nil
		})
	}
	hangup(strings.ReplaceAll(configuration, "to: first", "to: frist"), `unknown sink \"frist\"`)
	hangup(strings.ReplaceAll(configuration, "first", "second"), "configuration reloaded")
	answer, err := http.Post("http://"+admin+"/api/v1/sinks/second/resume", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the new sink is answered %d", answer.StatusCode)
	}
	p.stop()
}

// TestAdminAddressTaken: a relay that cannot be looked after does not start.
func TestAdminAddressTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := newRelayProcess(t, strings.Replace(hangupConfig, "{admin}", listener.Addr().String(), 1))
	p.launch()
	if err := <-p.exited; err == nil {
		t.Error("the relay ended well")
	}
	if want := "botrelay: listen on " + listener.Addr().String() + " (admin.listen):"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("it says\n%s\nwant %s", p.stderr, want)
	}
}
