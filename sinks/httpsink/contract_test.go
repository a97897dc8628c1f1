package httpsink

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"botrelay/relay"
	"botrelay/sinks/internal/sinktest"
)

func TestContract(t *testing.T) {
	const token, path = "CANARY-bearer-token", "CANARY-path-of-the-url"
	sinktest.Run(t, sinktest.Harness{
		Secrets: []string{token, path, secretOne, secretTwo, secretOne[6:], secretTwo[6:]},
		Kinds:   map[sinktest.Behaviour]relay.Kind{sinktest.Deny: relay.Doubtful},
		New: func(t *testing.T, b sinktest.Behaviour) sinktest.Subject {
			var d *destination
			// Answers that repeat what they got, as debug pages do.
			echoBody := func(status int) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					w.WriteHeader(status)
					_, _ = w.Write(body[bytes.Index(body, []byte("CANARY"))-20:])
				}
			}
			echo := func(status int) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(status)
					body, _ := io.ReadAll(r.Body)
					fmt.Fprintf(w, "\x1b[31m%s %s %s %s %s %s", r.Header.Get("Authorization"), r.URL, secretOne, secretTwo[6:], r.Header, body)
				}
			}
			answers := map[sinktest.Behaviour]http.HandlerFunc{
				sinktest.Accept:     func(w http.ResponseWriter, r *http.Request) { d.accept(w, r) },
				sinktest.Refuse:     echo(http.StatusUnprocessableEntity),
				sinktest.Throttle:   echoBody(http.StatusTooManyRequests),
				sinktest.Deny:       echo(http.StatusUnauthorized),
				sinktest.Hang:       hang(t),
				sinktest.CloseEarly: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			}
			var url string
			if b == sinktest.Down {
				url = nobodyAt(t)
			} else {
				d = serve(t, answers[b])
				url = d.URL
			}
			o := signed(to(url+"/hooks/"+path), "webhook", secretOne, secretTwo)
			o.Headers = map[string]string{"Authorization": "Bearer " + token}
			subject := sinktest.Subject{Sink: open(t, o)}
			if d != nil {
				subject.Acknowledged = func() int { return int(d.accepted.Load()) }
				subject.Bodies = d.received
			}
			return subject
		},
	})
}

// nobodyAt is the URL of a loopback port that was free a moment ago.
func nobodyAt(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}
