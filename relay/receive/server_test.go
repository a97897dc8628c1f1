package receive

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// writePair writes a certificate for 127.0.0.1 under a name, and its key.
func writePair(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", pkcs8)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// commonName is that of the certificate which is served now.
func commonName(t *testing.T, c *certificate) string {
	t.Helper()
	pair, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.Subject.CommonName
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	synctest.Test(t, func(t *testing.T) {
		logs := &syncBuffer{}
		writePair(t, certFile, keyFile, "first")
		c, err := newCertificate(certFile, keyFile, slog.New(slog.NewJSONHandler(logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		want := func(what, name string, told ...string) {
			t.Helper()
			if got := commonName(t, c); got != name {
				t.Errorf("%s: got the certificate %q, want %q", what, got, name)
			}
			all := lines(t, logs)
			if len(all) != len(told) {
				t.Fatalf("%s: got %q", what, all)
			}
			for i := range told {
				if !strings.Contains(all[i], told[i]) {
					t.Errorf("%s: got %q, want %q", what, all[i], told[i])
				}
			}
		}
		const again, stays = "the TLS certificate was read again", "cannot be used, the old one stays"
		want("at first", "first")
		writePair(t, certFile, keyFile, "second")
		want("at once", "first")
		time.Sleep(certificateEvery)
		want("changed", "second", again)
		time.Sleep(certificateEvery)
		want("unchanged", "second", again)
		writePair(t, certFile, filepath.Join(dir, "other.key"), "third")
		for range 3 {
			time.Sleep(certificateEvery)
			want("a key of another", "second", again, stays)
		}
		if err := os.Rename(filepath.Join(dir, "other.key"), keyFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(certificateEvery)
		want("both changed", "third", again, stays, again)
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(certificateEvery)
			want("no key", "third", again, stays, again, stays)
		}
	})
}

func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePair(t, certFile, keyFile, "relay")
	s := serve(t, Options{}, func(_ *Receiver, s *Server) { s.CertFile, s.KeyFile = certFile, keyFile })
	ca, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	for _, h2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
		defer transport.CloseIdleConnections()
		for _, want := range []int{202, 200} {
			id := map[bool]string{false: "a", true: "b"}[h2]
			req, err := http.NewRequest(http.MethodPost, "https://"+s.addr+path, io.NopCloser(strings.NewReader(goodBody))) // without a length
			if err != nil {
				t.Fatal(err)
			}
			req.Header = signed(t, secretA, "svix", id, now, goodBody)
			response, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want || response.ProtoMajor == 2 != h2 {
				t.Errorf("got %s %d, want %d, h2 %v", response.Proto, response.StatusCode, want, h2)
			}
		}
		transport.CloseIdleConnections()
	}
}

func TestServeRefusesBadCertificates(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, noPEM := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key"), filepath.Join(dir, "none")
	writePair(t, certFile, keyFile, "a")
	writePair(t, filepath.Join(dir, "b.crt"), filepath.Join(dir, "b.key"), "b")
	if err := os.WriteFile(noPEM, []byte("key-canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ cert, key, want string }{
		{certFile, "", "both a cert and a key"},
		{"", keyFile, "both a cert and a key"},
		{certFile, filepath.Join(dir, "gone"), "read the TLS certificate"},
		{certFile, filepath.Join(dir, "b.key"), "use " + certFile},
		{certFile, noPEM, "use " + certFile},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &Server{Handler: http.NotFoundHandler(), CertFile: tc.cert, KeyFile: tc.key}
		err = server.Serve(t.Context(), ln)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("got %v, want %q", err, tc.want)
		}
		if _, err := ln.Accept(); err == nil {
			t.Error("the listener is still open")
		}
	}
}

// A listener that fails ends Serve with its error.
func TestServeReturnsWhatTheListenerSays(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := (&Server{Handler: http.NotFoundHandler()}).Serve(t.Context(), ln); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// failing is a listener that is out of file descriptors until it is closed.
type failing struct {
	net.Listener
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left < 0 {
		return nil, net.ErrClosed
	}
	return nil, syscall.EMFILE
}

// What keeps connections out is told, but not each time.
func TestAcceptFailuresAreTold(t *testing.T) {
	logs := &syncBuffer{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Handler: http.NotFoundHandler(), Logger: slog.New(slog.NewJSONHandler(logs, nil))}
	if err := server.Serve(t.Context(), &failing{ln, 4}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(logs.String(), "connections cannot be accepted"); n != 1 {
		t.Errorf("got %d lines, want 1:\n%s", n, logs)
	}
}

// Every limit is set: a zero in net/http is none.
func TestServerHasLimits(t *testing.T) {
	server, err := (&Server{Handler: http.NotFoundHandler()}).build(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout <= answerWithin || server.IdleTimeout == 0 ||
		server.MaxHeaderBytes != 32<<10 || server.HTTP2.MaxConcurrentStreams != 64 || !server.DisableGeneralOptionsHandler {
		t.Errorf("got %+v", server)
	}
}
