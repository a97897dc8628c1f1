package receive

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"botrelay/relay"
)

// noLog takes everything and stores nothing.
type noLog struct{}

func (noLog) Append(context.Context, *relay.Event, ...relay.Target) (relay.Receipt, error) {
	return relay.Receipt{Seq: 1}, nil
}

// body1K is a body of 1 KiB.
var body1K = goodBody[:len(goodBody)-1] + strings.Repeat(" ", 1<<10-len(goodBody)) + "}"

func BenchmarkVerify(b *testing.B) {
	v := verifier(b, secretA)
	header := signed(b, secretA, "svix", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", now, body1K)
	body := []byte(body1K)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(header, body, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHeaders is what our own checks add to the library's.
func BenchmarkHeaders(b *testing.B) {
	header := signed(b, secretA, "svix", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", now, body1K)
	b.ReportAllocs()
	for b.Loop() {
		if _, refusal := readHeaders(header, now); refusal != nil {
			b.Fatal(refusal)
		}
	}
}

// discard is a ResponseWriter that keeps the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// rewound is a body that can be read again and again.
type rewound struct{ *strings.Reader }

func (rewound) Close() error { return nil }

func benchmarkReceiver(b *testing.B) *Receiver {
	r, err := New(Options{
		Sources: []Source{{Name: "recall", Path: path, Verifier: verifier(b, secretA)}},
		Log:     noLog{}, Routes: toLake, Now: func() time.Time { return now },
	})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// BenchmarkHandler is the whole handler without network and store.
func BenchmarkHandler(b *testing.B) {
	r := benchmarkReceiver(b)
	req := httptest.NewRequest(http.MethodPost, path, nil)
	req.Header = signed(b, secretA, "svix", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", now, body1K)
	req.ContentLength = int64(len(body1K))
	body := rewound{strings.NewReader(body1K)}
	req.Body = body
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		if r.ServeHTTP(w, req); w.status != http.StatusAccepted {
			b.Fatalf("got %d", w.status)
		}
	}
}

// BenchmarkRefusal is what an unsigned request costs.
func BenchmarkRefusal(b *testing.B) {
	r := benchmarkReceiver(b)
	req := httptest.NewRequest(http.MethodPost, path, http.NoBody)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if r.ServeHTTP(w, req); w.status != http.StatusUnauthorized {
			b.Fatalf("got %d", w.status)
		}
	}
}
