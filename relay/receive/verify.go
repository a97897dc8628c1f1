package receive

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// tolerance is how far the signed time may be from now, both ways. It is that
// of the Svix and Standard Webhooks libraries.
const tolerance = 5 * time.Minute

// minKey is the shortest key that is taken. The library takes one byte, which
// anybody can guess; Svix makes 24.
const minKey = 16

const secretPrefix = "whsec_"

// Verifier checks requests against the secrets of one source. It is immutable
// and safe for concurrent use.
type Verifier struct{ secrets []secret }

type secret struct {
	webhook *svix.Webhook
	sum     [sha256.Size]byte // of the secret's text
}

// NewVerifier takes the secrets of one source, "whsec_" and base64 or the bare
// base64. It refuses an empty list and every secret that is empty, malformed or
// shorter than 16 bytes, all in one error, which names them as secrets[0],
// secrets[1], … and does not contain them.
func NewVerifier(secrets []string) (*Verifier, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret: without one every request is refused (copy the signing secret from the dashboard)")
	}
	v := &Verifier{secrets: make([]secret, 0, len(secrets))}
	var faults []error
	for i, text := range secrets {
		s, err := newSecret(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("secrets[%d] %w", i, err))
			continue
		}
		v.secrets = append(v.secrets, s)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return v, nil
}

// newSecret checks by hand first, since the library takes keys of one byte and
// says of a bad one only where its base64 ends.
func newSecret(text string) (secret, error) {
	encoded := strings.TrimPrefix(text, secretPrefix)
	if strings.TrimSpace(encoded) == "" {
		return secret{}, errors.New("is empty (copy the signing secret from the dashboard)")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return secret{}, errors.New("is not whsec_ and base64 (copy the whole signing secret from the dashboard)")
	}
	if len(key) < minKey {
		return secret{}, fmt.Errorf("has a key of %d bytes, fewer than %d (copy the whole signing secret from the dashboard)", len(key), minKey)
	}
	webhook, err := svix.NewWebhook(text)
	if err != nil {
		return secret{}, fmt.Errorf("is refused: %w", err)
	}
	return secret{webhook, sha256.Sum256([]byte(text))}, nil
}

// Fingerprints returns, for each secret in order, the first four hex digits of
// the SHA-256 of its text: enough to tell two apart, nothing to sign with.
func (v *Verifier) Fingerprints() []string {
	prints := make([]string, len(v.secrets))
	for i, s := range v.secrets {
		prints[i] = hex.EncodeToString(s.sum[:2])
	}
	return prints
}

// Signed is what a request's signature vouches for.
type Signed struct {
	ID          string
	Time        time.Time // of the attempt, in whole seconds, UTC
	Family      string    // "svix" or "webhook"
	SecretIndex int       // which secret fits, by its place in the list
}

// Verify checks the headers, then their time against now, then the signature
// over body with every secret. The error is a *[Refusal].
//
// It is stricter than the library: one value for each header, both families
// equal if both are there, an id of [A-Za-z0-9_.-]{1,256}, a time in plain
// decimal, at most 16 signatures.
func (v *Verifier) Verify(header http.Header, body []byte, now time.Time) (Signed, error) {
	signed, refusal := readHeaders(header, now)
	if refusal != nil {
		return Signed{}, refusal
	}
	if signed.SecretIndex = v.fit(header, body); signed.SecretIndex < 0 {
		return Signed{}, refuse(causeSignature)
	}
	return signed, nil
}

// fit returns the first secret whose signature is in the header, or -1. It
// tries all of them whatever it finds, so that the time it takes does not tell
// which one fits. header has passed readHeaders: of two families that are both
// there the library reads one, and they are equal.
func (v *Verifier) fit(header http.Header, body []byte) int {
	found := -1
	for i, s := range v.secrets {
		if s.webhook.VerifyIgnoringTimestamp(body, header) == nil && found < 0 {
			found = i
		}
	}
	return found
}
