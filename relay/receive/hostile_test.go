package receive

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostile is one request that must be refused, and with what.
type hostile struct {
	what    string
	request string
	status  int
}

// forged are requests whose signature fits nothing: every one is 401.
func forged(t *testing.T) (all []hostile) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	signature := good.Get("Svix-Signature")
	with := func(what, signature string) {
		header := good.Clone()
		header.Set("Svix-Signature", signature)
		all = append(all, hostile{what, post(path, header, goodBody), 401})
	}
	with("other key", signed(t, secretB, "svix", "msg_1", now, goodBody).Get("Svix-Signature"))
	for n := range len(signature) {
		with(fmt.Sprintf("first %d bytes", n), signature[:n])
	}
	for _, s := range []string{
		signature + "A", signature + "=", signature + ",", "x" + signature, strings.ToUpper(signature[:2]) + signature[2:],
		"v2" + signature[2:], "v1a" + signature[2:], "v1" + signature[3:], signature[3:], "v1,," + signature[3:],
		"," + signature, signature + "," + signature, "v1,v1," + signature[3:], "v1 " + signature[3:], "null", "undefined",
	} {
		if s == signature+"," || s == signature+","+signature {
			continue // what is behind a second comma the library leaves out
		}
		with("altered", s)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := []byte(signature)
		for i := 3; i < len(b)-1; i++ {
			b[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.IntN(64)]
		}
		with("random", string(b))
	}
	return all
}

// tampered flips every bit of a body of 200 bytes, of the id, the timestamp and
// the signature.
func tampered(t *testing.T) (all []hostile) {
	body := goodBody + strings.Repeat(" ", 200-len(goodBody))
	for _, family := range []string{"svix", "webhook"} {
		good := signed(t, secretA, family, "msg_1", now, body)
		for i := range 8 * len(body) {
			b := []byte(body)
			b[i/8] ^= 1 << (i % 8)
			all = append(all, hostile{fmt.Sprintf("bit %d of the body", i), post(path, good, string(b)), 401})
		}
		for name, lines := range good {
			for i := range 8 * len(lines[0]) {
				b := []byte(lines[0])
				b[i/8] ^= 1 << (i % 8)
				header := good.Clone()
				header[name] = []string{string(b)}
				all = append(all, hostile{fmt.Sprintf("bit %d of %s", i, name), post(path, header, body), tamperedStatus(name, b)})
			}
		}
	}
	return all
}

// tamperedStatus is what an altered header deserves. A character that no header
// may hold is net/http's 400, a blank at an end is no part of a value.
func tamperedStatus(name string, value []byte) int {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return 400
		}
	}
	value = []byte(strings.Trim(string(value), " \t"))
	switch {
	case strings.HasSuffix(name, "-Id") && !validID(string(value)):
		return 400
	case strings.HasSuffix(name, "-Timestamp"):
		if _, plain := plainSeconds(string(value)); !plain {
			return 400
		}
	}
	return 401
}

// misshapen are requests whose headers are wrong, whatever they sign.
func misshapen(t *testing.T) (all []hostile) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	other := signed(t, secretA, "webhook", "msg_1", now, goodBody)
	add := func(what string, status int, header http.Header) {
		all = append(all, hostile{what, post(path, header, goodBody), status})
	}
	for _, ts := range []string{"+1772636402", "01772636402", "-1772636402", "1772636402.0", "1772636402.5", "1.77e9", "0x69", "1_772", "17726364020000000000",
		"99999999999999999999", "1772636402 1772636402", "1772636402,1", "NaN", "now", "2026-03-04T15:00:02Z", "١٧٧٢٦٣٦٤٠٢", "00", "-0"} {
		add("timestamp "+ts, 400, with(without(good, "Svix-Timestamp"), "Svix-Timestamp", ts))
	}
	for _, off := range []int{-301, 301, -3600, 3600, -86400, 86400, -1772636402} {
		add(fmt.Sprintf("%d s off", off), 401, signed(t, secretA, "svix", "msg_1", now.Add(time.Duration(off)*time.Second), goodBody))
	}
	for _, ts := range []string{"0", "1", "1772636402000", "9223372036854775807"} {
		add("far off "+ts, 401, with(without(good, "Svix-Timestamp"), "Svix-Timestamp", ts))
	}
	for _, id := range []string{"a b", "a\tb", "a/b", "../../etc/passwd", "a:b", "a%0a", "é", "\xff", "a\u202eb", "<script>", "a;b", "a,b", "a=b", `a"b`, "a\\b", "{}", strings.Repeat("a", 257), strings.Repeat("a", 5000)} {
		add("id "+id, 400, signed(t, secretA, "svix", id, now, goodBody))
	}
	for _, id := range []string{"a\x00b", "a\x1b[0m", "a\x7f"} {
		add("control in id", 400, signed(t, secretA, "svix", id, now, goodBody))
	}
	for n := 17; n < 200; n += 13 {
		add(fmt.Sprintf("%d signatures", n), 400, with(without(good, "Svix-Signature"), "Svix-Signature", strings.Repeat(good.Get("Svix-Signature")+" ", n-1)+"v1,x"))
	}
	for name, lines := range good {
		add("twice "+name, 400, with(good, name, lines[0]))
		add("twice, differing "+name, 400, with(good, name, "x"))
		add("without "+name, 401, without(good, name))
		for otherName, otherLines := range other {
			add("mixed "+name+" "+otherName, 400, with(good, otherName, otherLines[0]))
			add("parts "+name+" "+otherName, 400, with(without(good, name), otherName, otherLines[0]))
			both := good.Clone()
			maps.Copy(both, other)
			both[otherName] = []string{otherLines[0] + "1"}
			add("unequal "+otherName, 400, both)
		}
	}
	for _, encoding := range []string{"gzip", "br", "zstd", "deflate", "gzip,gzip", "gzip, identity", "compress", "aws-chunked", "x", "identity;q=1"} {
		add("encoding "+encoding, 415, with(good, "Content-Encoding", encoding))
	}
	for _, length := range []string{"1048577", "9999999", "9223372036854775807"} {
		add("length "+length, 413, with(good, "Content-Length", length))
		add("length, expects "+length, 413, with(good, "Content-Length", length, "Expect", "100-continue"))
	}
	return all
}

// astray are requests that reach no source.
func astray(t *testing.T) (all []hostile) {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	for _, target := range []string{"//webhooks/recall", "/webhooks//recall", "/webhooks/./recall", "/webhooks/../webhooks/recall", "/webhooks/recall/", "/webhooks/recall/.",
		"/webhooks/recall%2f", "/webhooks%2Frecall", "/%77ebhooks/recall", "/webhooks/recall%00", "/webhooks/recall%20", "/webhooks/recall;a", "/WEBHOOKS/RECALL", "/webhooks/recall-staging",
		"/webhooks", "/webhooks/", "/", "/..", "/.env", "/admin", "/api/v1/status", "/metrics", "/debug/pprof/", "/webhooks\\recall", "http://x/webhooks/other", "/healthz/", "/readyz/x"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "post"} {
			all = append(all, hostile{method + " " + target, method + strings.TrimPrefix(post(target, good, goodBody), "POST"), 404})
		}
	}
	for _, target := range []string{path, path + "?x=1", "http://relay" + path} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "post", "POSTS", "PURGE"} {
			all = append(all, hostile{method + " " + target, method + strings.TrimPrefix(post(target, good, goodBody), "POST"), 405})
		}
	}
	return all
}

// broken are requests that net/http or the reading of the body must refuse.
func broken(t *testing.T) []hostile {
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	plain := post(path, good, goodBody)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(goodBody))
	inChunks := func(body string) string { return post(path, with(good, "Transfer-Encoding", "chunked"), body) }
	replace := func(old, new string) string { return strings.Replace(plain, old, new, 1) }
	return []hostile{
		{"two lengths", replace(length, length+"Content-Length: 5\r\n"), 400},
		{"signed length", replace(length, "Content-Length: +2\r\n"), 400},
		{"negative length", replace(length, "Content-Length: -1\r\n"), 400},
		{"length list", replace(length, "Content-Length: 5, 6\r\n"), 400},
		{"hex length", replace(length, "Content-Length: 0x5\r\n"), 400},
		{"encoding list", replace(length, "Transfer-Encoding: gzip, chunked\r\n"), 501},
		{"unknown transfer encoding", replace(length, "Transfer-Encoding: x\r\n"), 501},
		{"two transfer encodings", replace(length, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501},
		{"blank before colon", replace("Svix-Id:", "Svix-Id :"), 400},
		{"unknown expectation", replace("Host:", "Expect: x\r\nHost:"), 417},
		{"no host", replace("Host: relay\r\n", ""), 400},
		{"two hosts", replace("Host: relay\r\n", "Host: a\r\nHost: b\r\n"), 400},
		{"unknown version", replace("HTTP/1.1", "HTTP/3.0"), 505},
		{"no version", replace(" HTTP/1.1", ""), 400},
		{"blank in path", replace(path, path+" x"), 400},
		{"control in path", replace(path, path+"\x01"), 400},
		{"headers over 32 KiB", replace("Host:", "X: "+strings.Repeat("a", 40<<10)+"\r\nHost:"), 431},
		{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		{"bare line feed in a chunk", inChunks("5\nhello\r\n0\r\n\r\n"), 400},
		{"chunk without size", inChunks("\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunk with a sign", inChunks("+5\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunk with 0x", inChunks("0x5\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunk of 17 digits", inChunks("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunk longer than said", inChunks("2\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunk extension of 5 KB", inChunks("5;" + strings.Repeat("a", 5000) + "\r\nhello\r\n0\r\n\r\n"), 400},
		{"chunks of one byte", inChunks(strings.Repeat("1;"+strings.Repeat("a", 60)+"\r\nx\r\n", 2000) + "0\r\n\r\n"), 400},
	}
}

// Thousands of hostile requests: each gets its exact status, nothing is stored,
// nothing panics, and no goroutine stays behind.
func TestHostileRequests(t *testing.T) {
	before := runtime.NumGoroutine()
	s := serve(t, Options{}, nil)
	var all []hostile
	for _, part := range [][]hostile{forged(t), tampered(t), misshapen(t), astray(t), broken(t)} {
		all = append(all, part...)
	}
	client := &pipe{site: s}
	wrong := 0
	for _, h := range all {
		if got := client.send(t, h.request); got.status != h.status {
			t.Errorf("%s: got %d, want %d", h.what, got.status, h.status)
			if wrong++; wrong > 20 {
				t.Fatal("too many")
			}
		}
	}
	client.close()
	t.Logf("%d requests", len(all))
	if len(all) < 5000 {
		t.Errorf("got %d requests, want thousands", len(all))
	}
	if n := len(s.log.stored()); n != 0 {
		t.Errorf("%d events stored", n)
	}
	if s.log.appends != 0 {
		t.Errorf("%d appends", s.log.appends)
	}
	for _, source := range s.Receiver.known.all() {
		if n := source.refused[causePanic].Load(); n != 0 {
			t.Errorf("%d panics", n)
		}
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// pipe sends one request after the other, on the same connection as long as the
// server keeps it.
type pipe struct {
	site   *site
	conn   net.Conn
	reader *bufio.Reader
}

func (p *pipe) send(t *testing.T, request string) answer {
	t.Helper()
	if p.conn == nil {
		p.conn = p.site.dial(t)
		p.reader = bufio.NewReader(p.conn)
	}
	_, _ = io.WriteString(p.conn, request) // the server may answer and close before it has read everything
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(p.reader, &http.Request{Method: method})
	if err != nil {
		t.Errorf("no answer to %.80q: %v", request, err)
		p.close()
		return answer{}
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("answer to %.80q: %v", request, err)
	}
	_ = response.Body.Close()
	if response.Close {
		p.close()
	}
	return answer{status: response.StatusCode, header: response.Header, close: response.Close}
}

func (p *pipe) close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

// A proxy that believes the length sees one request here; the second must never
// be served.
func TestNoRequestIsSmuggled(t *testing.T) {
	hidden := "GET /healthz HTTP/1.1\r\nHost: r\r\n\r\n"
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	for name, request := range map[string]string{
		"length and chunks":       post(path, with(good, "Content-Length", "5", "Transfer-Encoding", "chunked"), chunked(goodBody)) + hidden,
		"chunks":                  post(path, with(good, "Transfer-Encoding", "chunked"), chunked(goodBody)) + hidden,
		"unsigned chunks":         post(path, http.Header{"Transfer-Encoding": {"chunked"}}, chunked("x")) + hidden,
		"chunks to no source":     post("/x", http.Header{"Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}}, chunked("x")) + hidden,
		"chunks to healthz":       "GET /healthz HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("x") + hidden,
		"empty chunks":            post(path, http.Header{"Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}}, chunked("")) + hidden,
		"body over the limit":     post(path, with(good, "Content-Length", "1048577"), "") + hidden,
		"expects, over the limit": post(path, with(good, "Content-Length", "1048577", "Expect", "100-continue"), "") + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{}, nil)
			if got := s.one(t, request); !got.close {
				t.Errorf("got %d without Connection: close", got.status)
			}
		})
	}
}

// Verified bodies that another parser may read differently, or not at all, are
// kept raw and never routed.
func TestHostileBodiesAreQuarantined(t *testing.T) {
	s := serve(t, Options{}, nil)
	client := &pipe{site: s}
	defer client.close()
	bodies := []string{
		"", " ", "null", "[]", `"x"`, "1", "{", `{"event":"a"`, `{"event":"a"}x`, `{"event":"a"}{}`, "\ufeff" + goodBody,
		`{"event":"a","event":"b"}`, `{"event":"a","EVENT":"b"}`, `{"event":""}`, `{"event":1}`, `{"data":{}}`,
		"{\"event\":\"\xff\"}", `{"event":"\ud800"}`, "{\"event\":\"a\x00\"}", `{"event":"a","data":{"bot":{"id":"x","ID":"y"}}}`,
		`{"event":"a","x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + "}", strings.Repeat("[", 1<<20), `{"event":"a",'b':1}`, `{"event":NaN}`,
	}
	for i, body := range bodies {
		id := fmt.Sprint(i)
		if got := client.send(t, post(path, signed(t, secretA, "svix", id, now, body), body)); got.status != 202 {
			t.Errorf("%.40q: got %d, want 202", body, got.status)
		}
		r := s.log.known[[2]string{"recall", id}]
		if r == nil || r.copy.Trouble == "" || string(r.copy.Raw) != body {
			t.Errorf("%.40q was not quarantined as it came", body)
		}
	}
	if got := s.Stats().Sources[0].Quarantined; got != uint64(len(bodies)) {
		t.Errorf("got %d quarantined, want %d", got, len(bodies))
	}
}
