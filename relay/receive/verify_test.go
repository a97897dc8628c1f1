package receive

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

type vector struct {
	Name    string
	Secrets []string
	Headers map[string]string
	Body    []byte `json:"body_base64"`
	Valid   bool   `json:"valid_ignoring_time"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("got %d vectors, want at least 10", len(all))
	}
	return all
}

func (v vector) header() http.Header {
	header := http.Header{}
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	return header
}

func (v vector) time(t testing.TB) time.Time {
	t.Helper()
	for name, value := range v.Headers {
		if strings.HasSuffix(name, "-timestamp") {
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return time.Unix(seconds, 0)
		}
	}
	t.Fatal("no timestamp")
	return time.Time{}
}

func TestVerifyVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			verifier, err := NewVerifier(v.Secrets)
			if err != nil {
				if v.Valid {
					t.Fatalf("NewVerifier: %v", err)
				}
				return
			}
			got, err := verifier.Verify(v.header(), v.Body, v.time(t))
			if (err == nil) != v.Valid {
				t.Fatalf("got %v, want valid %v", err, v.Valid)
			}
			if v.Valid && (got.ID != v.header().Get(got.Family+"-id") || !got.Time.Equal(v.time(t))) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	short := base64.StdEncoding.EncodeToString([]byte("fifteen-bytes!!"))
	for _, tc := range []struct {
		name    string
		secrets []string
		want    string
	}{
		{"no secret", nil, "no secret"},
		{"empty", []string{""}, "secrets[0] is empty"},
		{"prefix alone", []string{secretA, "whsec_"}, "secrets[1] is empty"},
		{"blank", []string{"  "}, "secrets[0] is empty"},
		{"not base64", []string{"whsec_not-base64-CANARY"}, "secrets[0] is not whsec_ and base64"},
		{"url alphabet", []string{"whsec_" + strings.Repeat("_-", 16)}, "secrets[0] is not whsec_ and base64"},
		{"public key", []string{"whpk_" + strings.TrimPrefix(secretA, "whsec_")}, "secrets[0] is not whsec_ and base64"},
		{"versioned", []string{"v1," + secretA}, "secrets[0] is not whsec_ and base64"},
		{"one byte", []string{"whsec_QQ=="}, "secrets[0] has a key of 1 bytes"},
		{"15 bytes", []string{"whsec_" + short}, "secrets[0] has a key of 15 bytes"},
		{"all faults", []string{"", secretA, "whsec_QQ=="}, "secrets[2] has a key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := NewVerifier(tc.secrets)
			if err == nil || v != nil {
				t.Fatalf("got %v, %v, want an error", v, err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, want it to contain %q", err, tc.want)
			}
			for _, secret := range tc.secrets {
				if encoded := strings.TrimPrefix(secret, "whsec_"); len(encoded) > 3 && strings.Contains(err.Error(), encoded) {
					t.Errorf("error %q holds the secret", err)
				}
			}
		})
	}
}

// An automatic updater could "upgrade" the library to v1.44.0, which takes the
// empty key.
func TestLibraryRefusesEmptySecret(t *testing.T) {
	if _, err := svix.NewWebhook(""); err == nil {
		t.Fatal("svix.NewWebhook takes the empty secret: the pinned version is v1.99.1")
	}
}

func TestVerifyTolerance(t *testing.T) {
	v := verifier(t, secretA)
	half := now.Add(500 * time.Millisecond)
	for _, tc := range []struct {
		name string
		at   int64 // seconds from now
		now  time.Time
		ok   bool
	}{
		{"299 s ago", -299, now, true},
		{"300 s ago to the nanosecond", -300, now, true},
		{"300.5 s ago", -300, half, false},
		{"301 s ago", -301, now, false},
		{"in 299 s", 299, now, true},
		{"in 300 s", 300, half, true},
		{"in 301 s", 301, now, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at := now.Add(time.Duration(tc.at) * time.Second)
			_, err := v.Verify(signed(t, secretA, "svix", "msg_1", at, goodBody), []byte(goodBody), tc.now)
			if (err == nil) != tc.ok {
				t.Fatalf("got %v, want ok %v", err, tc.ok)
			}
			if refusal, ok := errors.AsType[*Refusal](err); !tc.ok && (!ok || refusal.Status != 401 || refusal.Reason != ReasonClock || refusal.Off != at.Sub(tc.now)) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestVerifyHeaders(t *testing.T) {
	v := verifier(t, secretA)
	good := signed(t, secretA, "svix", "msg_1", now, goodBody)
	other := signed(t, secretA, "webhook", "msg_1", now, goodBody)
	both := with(good, "Webhook-Id", "msg_1", "Webhook-Timestamp", other.Get("Webhook-Timestamp"), "Webhook-Signature", other.Get("Webhook-Signature"))
	set := func(name, value string) http.Header {
		header := good.Clone()
		header[name] = []string{value}
		return header
	}
	signedID := func(id string) http.Header { return signed(t, secretA, "svix", id, now, goodBody) }
	many := func(place, of int) http.Header {
		list := make([]string, of)
		for i := range list {
			list[i] = "v1," + strings.Repeat("A", 43) + "="
		}
		list[place] = good.Get("Svix-Signature")
		return set("Svix-Signature", strings.Join(list, " "))
	}
	const ok = ""
	for _, tc := range []struct {
		name   string
		header http.Header
		reason string
		detail string
	}{
		{"svix", good, ok, ""},
		{"webhook", other, ok, ""},
		{"both equal", both, ok, ""},
		{"none", http.Header{}, ReasonNoSignature, ""},
		{"no id", without(good, "Svix-Id"), ReasonNoSignature, ""},
		{"no timestamp", without(good, "Svix-Timestamp"), ReasonNoSignature, ""},
		{"no signature", without(good, "Svix-Signature"), ReasonNoSignature, ""},
		{"empty signature", set("Svix-Signature", ""), ReasonNoSignature, ""},
		{"id twice", with(good, "Svix-Id", "msg_1"), ReasonMalformed, detailRepeated},
		{"signature twice", with(good, "Svix-Signature", "v1,x"), ReasonMalformed, detailRepeated},
		{"other family twice", with(both, "Webhook-Id", "msg_1"), ReasonMalformed, detailRepeated},
		{"whole and part", with(good, "Webhook-Id", "msg_1"), ReasonMalformed, detailMixed},
		{"whole and empty", with(other, "Svix-Id", ""), ReasonMalformed, detailMixed},
		{"parts", with(without(good, "Svix-Id"), "Webhook-Id", "msg_1"), ReasonMalformed, detailMixed},
		{"other id", with(without(both, "Webhook-Id"), "Webhook-Id", "msg_2"), ReasonMalformed, detailUnequal},
		{"other signature", with(without(both, "Webhook-Signature"), "Webhook-Signature", "v1,AAAA"), ReasonMalformed, detailUnequal},
		{"all of the alphabet", signedID("aZ09_.-"), ok, ""},
		{"256 characters", signedID(strings.Repeat("a", 256)), ok, ""},
		{"257 characters", signedID(strings.Repeat("a", 257)), ReasonMalformed, detailID},
		{"blank in id", signedID("a b"), ReasonMalformed, detailID},
		{"umlaut in id", signedID("ä"), ReasonMalformed, detailID},
		{"slash in id", signedID("../a"), ReasonMalformed, detailID},
		{"NUL in id", signedID("a\x00"), ReasonMalformed, detailID},
		{"plus", set("Svix-Timestamp", "+1772636402"), ReasonMalformed, detailTime},
		{"leading zero", set("Svix-Timestamp", "01772636402"), ReasonMalformed, detailTime},
		{"negative", set("Svix-Timestamp", "-1"), ReasonMalformed, detailTime},
		{"fraction", set("Svix-Timestamp", "1772636402.0"), ReasonMalformed, detailTime},
		{"exponent", set("Svix-Timestamp", "1e9"), ReasonMalformed, detailTime},
		{"underscore", set("Svix-Timestamp", "1_772_636_402"), ReasonMalformed, detailTime},
		{"20 digits", set("Svix-Timestamp", "17726364020000000000"), ReasonMalformed, detailTime},
		{"milliseconds", set("Svix-Timestamp", "1772636402000"), ReasonClock, ""},
		{"zero", set("Svix-Timestamp", "0"), ReasonClock, ""},
		{"greatest", set("Svix-Timestamp", "9223372036854775807"), ReasonClock, ""},
		{"first of 16", many(0, 16), ok, ""},
		{"middle of 16", many(8, 16), ok, ""},
		{"last of 16", many(15, 16), ok, ""},
		{"first of 17", many(0, 17), ReasonMalformed, detailSignatures},
		{"other key", signed(t, secretB, "svix", "msg_1", now, goodBody), ReasonBadSignature, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := v.Verify(tc.header, []byte(goodBody), now)
			if tc.reason == ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refusal, is := errors.AsType[*Refusal](err)
			if !is || refusal.Reason != tc.reason || refusal.Detail != tc.detail {
				t.Fatalf("got %#v, want %s %q", err, tc.reason, tc.detail)
			}
			if want := map[string]int{ReasonMalformed: 400}[tc.reason]; want != 0 && refusal.Status != want || want == 0 && refusal.Status != 401 {
				t.Errorf("got status %d", refusal.Status)
			}
			if text := err.Error(); strings.Contains(text, "%!") || strings.Contains(text, "msg_1") {
				t.Errorf("error text %q", text)
			}
		})
	}
}

func TestVerifySecretIndex(t *testing.T) {
	v := verifier(t, secretA, secretB)
	for i, secret := range []string{secretA, secretB} {
		got, err := v.Verify(signed(t, secret, "webhook", "msg_1", now, goodBody), []byte(goodBody), now)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Signed{"msg_1", now.UTC(), "webhook", i}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	// Signed with both, as senders do during a rotation: the first of the list.
	header := signed(t, secretB, "svix", "msg_1", now, goodBody)
	header.Set("Svix-Signature", header.Get("Svix-Signature")+" "+signed(t, secretA, "svix", "msg_1", now, goodBody).Get("Svix-Signature"))
	if got, err := v.Verify(header, []byte(goodBody), now); err != nil || got.SecretIndex != 0 {
		t.Errorf("signed with both: got %+v, %v, want secret 0", got, err)
	}
	prints := v.Fingerprints()
	if len(prints) != 2 || len(prints[0]) != 4 || prints[0] == prints[1] {
		t.Errorf("got fingerprints %q", prints)
	}
}
