package receive

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxSignatures = 16
	maxID         = 256
)

// The details of a Refusal for malformed signature headers.
const (
	detailRepeated   = "a header is repeated"
	detailMixed      = "svix-* and webhook-* headers are mixed"
	detailUnequal    = "svix-* and webhook-* headers differ"
	detailID         = "the id is not [A-Za-z0-9_.-]{1,256}"
	detailTime       = "the timestamp is not a plain number of seconds"
	detailSignatures = "more than 16 signatures"
)

// The two header families, by their canonical names as net/http stores them.
// Both sign the same content:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
var (
	svixNames    = [3]string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}
	webhookNames = [3]string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}
)

// family holds the three values of one header family.
type family struct {
	values   [3]string // id, timestamp, signature
	lines    int       // how many of the three names occur
	complete bool      // each has a value that is not empty
	repeated bool
}

func readFamily(header http.Header, names *[3]string) (f family) {
	f.complete = true
	for i, name := range names {
		lines := header[name]
		switch len(lines) {
		case 0:
			f.complete = false
			continue
		case 1:
			f.values[i] = lines[0]
		default:
			f.repeated = true
		}
		f.lines++
		if lines[0] == "" {
			f.complete = false
		}
	}
	return f
}

// readHeaders checks presence, form and time of the signature headers. Nothing
// it returns is to be believed before the signature holds.
func readHeaders(header http.Header, now time.Time) (Signed, *Refusal) {
	svixFamily, webhookFamily := readFamily(header, &svixNames), readFamily(header, &webhookNames)
	if svixFamily.repeated || webhookFamily.repeated {
		return Signed{}, refuseWith(causeHeaders, detailRepeated)
	}
	chosen, name := svixFamily, "svix"
	switch {
	case svixFamily.lines == 0 && webhookFamily.lines == 0:
		return Signed{}, refuse(causeUnsigned)
	case svixFamily.lines == 0:
		chosen, name = webhookFamily, "webhook"
	case webhookFamily.lines == 0:
	case !svixFamily.complete || !webhookFamily.complete:
		return Signed{}, refuseWith(causeHeaders, detailMixed)
	case svixFamily.values != webhookFamily.values:
		return Signed{}, refuseWith(causeHeaders, detailUnequal)
	}
	if !chosen.complete {
		return Signed{}, refuse(causeIncomplete)
	}
	return chosen.check(name, now)
}

// check looks at the form of the values, then at the time.
func (f *family) check(name string, now time.Time) (Signed, *Refusal) {
	id, signature := f.values[0], f.values[2]
	if !validID(id) {
		return Signed{}, refuseWith(causeHeaders, detailID)
	}
	seconds, ok := plainSeconds(f.values[1])
	if !ok {
		return Signed{}, refuseWith(causeHeaders, detailTime)
	}
	if strings.Count(signature, " ") >= maxSignatures {
		return Signed{}, refuseWith(causeHeaders, detailSignatures)
	}
	at := time.Unix(seconds, 0).UTC()
	// The same comparison as the library's: exact for the past, in whole
	// seconds for the future.
	if now.Sub(at) > tolerance || seconds > now.Add(tolerance).Unix() {
		refusal := refuse(causeClock)
		refusal.Off = at.Sub(now)
		return Signed{}, refusal
	}
	return Signed{ID: id, Time: at, Family: name}, nil
}

// validID keeps ids fit for headers, logs and paths. A dot is part of the signed
// content, too (id.time.body). Moving a boundary by it needs an id that ends
// with a time within the tolerance, and yields a body that begins with a number
// and a dot, which is quarantined.
func validID(id string) bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// plainSeconds reads a decimal number without sign, blank or leading zero: the
// library signs the number that it read, so it would take other spellings of
// the same time.
func plainSeconds(text string) (int64, bool) {
	if text == "" || text[0] < '0' || text[0] > '9' || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return seconds, err == nil
}
