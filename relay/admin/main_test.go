package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"botrelay/relay"
	"botrelay/relay/recall"
	"botrelay/relay/receive"
	"botrelay/relay/store/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const source = "recall"

// bench is a server over a real store, with what a relay would add to it.
type bench struct {
	*testing.T
	dir    string
	store  *sqlitestore.Store
	stop   func()
	server *Server
	log    *logBuffer

	sinks  []SinkInfo
	states map[string]relay.State
	probed []string
	stats  atomic.Pointer[receive.Stats]
	access atomic.Pointer[Access]
	alone  bool
	faulty *atomic.Int64 // set: the operator fails now and then
	reload func(context.Context) (Reloaded, error)
	routes func(*relay.Event) []relay.Target
	check  func(method, path string, status int, body []byte) // holds each answer to the document
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		T: t, dir: t.TempDir(), alone: true, states: map[string]relay.State{},
		sinks: []SinkInfo{
			{Name: "bots", Type: "slack", Where: "C07BOTALERT", Alert: true},
			{Name: "lake", Type: "kafka", Where: "topic recall.bot-events"},
			{Name: "backend", Type: "http", Where: "https://api.minuted.example"},
		},
	}
	b.stats.Store(&receive.Stats{})
	b.routes = func(ev *relay.Event) []relay.Target { return b.targets(ev, "lake") }
	b.open()
	t.Cleanup(func() { b.stop() })
	return b
}

// open opens the store and runs a server over it.
func (b *bench) open() {
	b.Helper()
	store, err := sqlitestore.Open(b.Context(), sqlitestore.Options{Dir: b.dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.log = &logBuffer{}
	var operator relay.Operator = store
	if b.faulty != nil {
		operator = &faultyOperator{store, b.faulty}
	}
	server, err := New(b.options(store, operator))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := store.Run(ctx); err != nil {
			b.Errorf("the store ended: %v", err)
		}
	})
	b.until("the store accepts", func() bool { return store.Ready() == nil })
	serving, stopServing := context.WithCancel(ctx)
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Run(serving); err != nil {
			b.Errorf("the server ended: %v", err)
		}
	})
	b.store, b.server = store, server
	b.check = newDocumentCheck(b.T, server)
	b.stop = sync.OnceFunc(func() {
		stopServing()
		served.Wait()
		cancel()
		running.Wait()
		if err := store.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
}

// options are what the server works with.
func (b *bench) options(store *sqlitestore.Store, operator relay.Operator) Options {
	return Options{
		Reader: store, Operator: operator, Memory: store, Log: store,
		Routes:  func(ev *relay.Event) []relay.Target { return b.routes(ev) },
		Sources: func() []string { return []string{source, "recall-staging"} },
		Sinks:   func() []SinkInfo { return b.sinks },
		LoopState: func(sink string) (relay.State, bool) {
			state, ok := b.states[sink]
			return state, ok
		},
		ProbeNow:      func(sink string) bool { b.probed = append(b.probed, sink); return true },
		ReceiverStats: func() receive.Stats { return *b.stats.Load() },
		Ready:         store.Ready,
		Usage: func() StoreStatus {
			u := store.Usage()
			return StoreStatus{Bytes: u.InUse, MaxBytes: u.Limit, Filling: u.Filling, Full: u.Full, Early: u.Early}
		},
		Backup: func(ctx context.Context, folder string) (BackedUp, error) {
			c, err := store.Backup(ctx, folder)
			return BackedUp{folder, c.Events, c.Bytes, c.AsOf.UTC()}, err
		},
		Reload: func(ctx context.Context) (Reloaded, error) { return b.reload(ctx) },
		Config: func() ConfigStatus { return ConfigStatus{File: "config.yaml", Hash: "abcd"} },
		Access: func() Access {
			if b.access.Load() == nil {
				return Access{Loopback: true}
			}
			return *b.access.Load()
		},
		RetentionDead: 30 * day, Alone: b.alone, Version: "1.4.2", Started: time.Now(),
		Logger: slog.New(slog.NewJSONHandler(b.log, nil)),
	}
}

// reopen is a restart.
func (b *bench) reopen() {
	b.Helper()
	b.stop()
	b.open()
}

// ask sends a request and wants a status; into, if not nil, gets the answer.
func (b *bench) ask(method, path string, body any, want int, into any) *httptest.ResponseRecorder {
	b.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	req := httptest.NewRequest(method, "http://localhost:8484"+path, reader)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return b.do(req, want, into)
}

func (b *bench) do(req *http.Request, want int, into any) *httptest.ResponseRecorder {
	b.Helper()
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, req)
	if w.Code != want {
		b.Fatalf("%s %s: answered %d %s, want %d", req.Method, req.URL, w.Code, w.Body, want)
	}
	b.check(req.Method, req.URL.Path, w.Code, w.Body.Bytes())
	if into != nil {
		d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			b.Fatalf("%s %s: %v in %s", req.Method, req.URL, err, w.Body)
		}
	}
	return w
}

func (b *bench) get(path string, into any) { b.Helper(); b.ask("GET", path, nil, 200, into) }

// body is a status event in Recall's shape.
func body(name, subCode, bot, metadata string, at time.Time) []byte {
	code := strings.TrimPrefix(name, "bot.")
	sub := "null"
	if subCode != "" {
		sub = `"` + subCode + `"`
	}
	return fmt.Appendf(nil, `{"event":%q,"data":{"data":{"code":%q,"sub_code":%s,"updated_at":%q},"bot":{"id":%q,"metadata":%s}}}`,
		name, code, sub, at.UTC().Format(time.RFC3339Nano), bot, metadata)
}

// add stores an event as the receiver does.
func (b *bench) add(id string, raw []byte, sinks ...string) *relay.Event {
	b.Helper()
	ev := &relay.Event{Source: source, ID: id, Received: time.Now().UTC(), Raw: raw}
	ev.Fields, ev.Trouble = recall.Normalise(id, raw)
	b.append(ev, b.targets(ev, sinks...)...)
	return ev
}

// status stores a bot's status event that happened just now.
func (b *bench) status(id, name, subCode, bot string, sinks ...string) *relay.Event {
	b.Helper()
	return b.add(id, body(name, subCode, bot, `{"tenant":"acme"}`, time.Now()), sinks...)
}

func (b *bench) append(ev *relay.Event, to ...relay.Target) {
	b.Helper()
	if _, err := b.store.Append(b.Context(), ev, to...); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) targets(ev *relay.Event, sinks ...string) []relay.Target {
	var to []relay.Target
	for _, sink := range sinks {
		to = append(to, relay.Target{Sink: sink, Key: ev.OrderKey(), Route: "all"})
	}
	return to
}

// settle claims what is there for a sink and settles it.
func (b *bench) settle(sink string, verdict relay.Verdict, note string) (ids []string) {
	b.Helper()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		ds, err := b.store.Claim(now, sink, 100)
		if err != nil && len(ds) == 0 && now.Err() == nil {
			b.Fatal(err)
		}
		if len(ds) == 0 {
			return ids
		}
		var done []relay.Settlement
		for _, d := range ds {
			ids = append(ids, d.Event.ID)
			done = append(done, relay.Settlement{Delivery: d, Verdict: verdict, Began: time.Now(), Took: time.Millisecond, Note: note, At: time.Now().Add(time.Hour), Wait: time.Hour})
		}
		if err := b.store.Settle(context.Background(), done...); err != nil {
			b.Fatal(err)
		}
	}
}

// until asks again and again until it is true.
func (b *bench) until(what string, ask func() bool) {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !ask(); {
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("not within 30 s: %s\n%s", what, b.log)
		}
	}
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
