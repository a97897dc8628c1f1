package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each connection posts its next event when the last
// one is answered.
type load struct {
	url         *url.URL
	secret      string
	connections int
	bodyBytes   int
	ids         *idMaker
}

// loadResult is what the receiver answered.
type loadResult struct {
	accepted  int // 2xx
	refused   int // any other answer
	elapsed   time.Duration
	latencies []time.Duration // of the accepted ones, sorted
}

func (r loadResult) quantile(q float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(len(r.latencies)-1, int(q*float64(len(r.latencies))))]
}

// run posts until d has passed or ctx ends. A connection that breaks is an
// error: a receiver under load must not break them.
func (l load) run(ctx context.Context, d time.Duration) (loadResult, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(l.secret, "whsec_"))
	if err != nil {
		return loadResult{}, fmt.Errorf("decode the secret: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	results := make([]loadResult, l.connections)
	failures := make([]error, l.connections)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range l.connections {
		wg.Go(func() {
			results[i], failures[i] = l.connection(ctx, key)
		})
	}
	wg.Wait()
	total := loadResult{elapsed: time.Since(began)}
	for _, r := range results {
		total.accepted += r.accepted
		total.refused += r.refused
		total.latencies = append(total.latencies, r.latencies...)
	}
	slices.Sort(total.latencies)
	return total, errors.Join(failures...)
}

// connection writes requests by hand: a full HTTP client would take as much of
// the machine as the receiver under test.
func (l load) connection(ctx context.Context, key []byte) (loadResult, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.url.Host)
	if err != nil {
		return loadResult{}, fmt.Errorf("connect to the receiver: %w", err)
	}
	defer conn.Close()
	w := requestWriter{host: l.url.Host, path: l.url.RequestURI(), mac: hmac.New(sha256.New, key)}
	answers := bufio.NewReaderSize(conn, 4096)
	var result loadResult
	for ctx.Err() == nil {
		n := l.ids.next()
		began := time.Now()
		if _, err := conn.Write(w.request(l.ids.id(n), body(n, l.bodyBytes), began)); err != nil {
			return result, fmt.Errorf("post an event: %w", err)
		}
		status, err := readAnswer(answers)
		if err != nil {
			return result, fmt.Errorf("read the answer: %w", err)
		}
		if status >= 200 && status < 300 {
			result.accepted++
			result.latencies = append(result.latencies, time.Since(began))
		} else {
			result.refused++
		}
	}
	return result, nil
}

// idMaker makes ids that rise with time, as Svix's do.
type idMaker struct {
	start int64
	count atomic.Int64
}

func newIDs() *idMaker { return &idMaker{start: time.Now().UnixMilli()} }

func (m *idMaker) next() int64 { return m.count.Add(1) }

func (m *idMaker) id(n int64) string { return fmt.Sprintf("msg_%011x%010x", m.start, n) }

// body is an event of one of many bots, padded to the size asked for beside what
// Recall sends.
func body(n int64, size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"event":"bot.in_call_recording","data":{"data":{"code":"in_call_recording","sub_code":null,`+
		`"updated_at":"2026-03-04T15:00:02.118403+00:00"},"bot":{"id":"5b1c7f0e-3a94-4c1d-9d52-%012x",`+
		`"metadata":{"tenant":"acme","meeting_ref":"m-%d"}}},"padding":"`, n/6, n/6)
	const tail = `"}`
	for b.Len() < size-len(tail) {
		b.WriteByte('x')
	}
	b.WriteString(tail)
	return b.Bytes()
}

type requestWriter struct {
	host, path string
	mac        hash.Hash
	buf        []byte
	sum        []byte
}

// request is valid until the next call.
func (w *requestWriter) request(id string, body []byte, now time.Time) []byte {
	stamp := strconv.FormatInt(now.Unix(), 10)
	w.mac.Reset()
	w.buf = append(w.buf[:0], id...)
	w.buf = append(w.buf, '.')
	w.buf = append(w.buf, stamp...)
	w.buf = append(w.buf, '.')
	w.mac.Write(w.buf)
	w.mac.Write(body)
	w.sum = w.mac.Sum(w.sum[:0])
	w.buf = fmt.Appendf(w.buf[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"svix-id: %s\r\nsvix-timestamp: %s\r\nsvix-signature: v1,", w.path, w.host, len(body), id, stamp)
	w.buf = base64.StdEncoding.AppendEncode(w.buf, w.sum)
	w.buf = append(w.buf, "\r\n\r\n"...)
	return append(w.buf, body...)
}

// readAnswer reads one answer that declares its length.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return 0, fmt.Errorf("not an HTTP answer: %q", line)
	}
	if status, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, fmt.Errorf("not an HTTP answer: %q", line)
	}
	length := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if strings.EqualFold(string(name), "Content-Length") {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	_, err = r.Discard(length)
	return status, err
}
