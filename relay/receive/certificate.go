package receive

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateEvery is how often the files of a certificate are looked at, at
// most: a handshake does it.
const certificateEvery = 5 * time.Second

// certificate is a key pair in two files.
type certificate struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	looked  time.Time
	seen    [sha256.Size]byte // contents that were loaded or refused last
	missing bool              // the files could not be read last time, which has been told
}

// newCertificate loads the pair.
func newCertificate(certFile, keyFile string, logger *slog.Logger) (*certificate, error) {
	if certFile == "" || keyFile == "" {
		return nil, errors.New("tls needs both a cert and a key")
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, logger: logger, looked: time.Now()}
	if _, err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// get is for tls.Config. A pair that cannot be used leaves the old one, which
// is told once; in the middle of an exchange of both files that is usual.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificateEvery {
		return c.current, nil
	}
	c.looked = time.Now()
	changed, err := c.load()
	switch {
	case err != nil:
		c.logger.Warn("the changed TLS certificate cannot be used, the old one stays", "err", err)
	case changed:
		c.logger.Info("the TLS certificate was read again", "cert", c.certFile)
	}
	return c.current, nil
}

// load reads the files and takes the pair if it is another than the last one.
// It returns the same fault once.
func (c *certificate) load() (changed bool, err error) {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		told := c.missing
		c.missing = true
		if told {
			return false, nil
		}
		return false, fmt.Errorf("read the TLS certificate: %w", err)
	}
	c.missing = false
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if sum == c.seen {
		return false, nil
	}
	c.seen = sum
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("use %s with %s: %w", c.certFile, c.keyFile, err)
	}
	c.current = &pair
	return true, nil
}
