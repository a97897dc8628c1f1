package receive

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// FuzzVerify holds Verifier against the library: what the library refuses is
// never taken, and what it takes is refused only for one of the named
// strictnesses. Both read the same clock, that of the bubble.
//
// shape says what becomes of a rightly signed request: bit 0 the family, 1 a
// second family that is a copy, 2 one header of it altered, 3 a repeated
// header, 4 a signature replaced, 5 the timestamp's text replaced, 6 the id
// replaced after signing.
func FuzzVerify(f *testing.F) {
	f.Add("msg_1", int64(0), []byte(goodBody), "", uint8(0))
	f.Add("msg_1", int64(-301), []byte(goodBody), "", uint8(1))
	f.Add("msg_1", int64(300), []byte(goodBody), "", uint8(0))
	f.Add("a b", int64(0), []byte(goodBody), "", uint8(1))
	f.Add("msg_1", int64(0), []byte(""), "v1,AAAA v1,", uint8(16))
	f.Add("msg_1", int64(0), []byte("\xff"), strings.Repeat(" ", 20), uint8(16))
	f.Add("msg_1", int64(0), []byte("x"), "+", uint8(32))
	f.Add("msg_1", int64(0), []byte("x"), "0", uint8(32))
	f.Add("msg_1", int64(0), []byte("x"), "msg_2", uint8(2|4))
	f.Add("msg_1", int64(0), []byte("x"), "msg_2", uint8(2|8))
	f.Add("msg_1", int64(0), []byte("x"), "", uint8(1|2|4))
	f.Add("msg_1", int64(0), []byte("x"), "msg_2", uint8(64))
	f.Fuzz(func(t *testing.T, id string, off int64, body []byte, text string, shape uint8) {
		synctest.Test(t, func(t *testing.T) { differ(t, id, off, body, text, shape) })
	})
}

func differ(t *testing.T, id string, off int64, body []byte, text string, shape uint8) {
	header := shaped(t, id, off, body, text, shape)
	library, err := svix.NewWebhook(secretA)
	if err != nil {
		t.Fatal(err)
	}
	theirs := library.Verify(body, header)
	got, ours := verifier(t, secretA).Verify(header, body, time.Now())
	if ours == nil {
		if theirs != nil {
			t.Fatalf("taken, but the library says %v: %v", theirs, header)
		}
		if got.ID != header.Get(got.Family+"-id") || strconv.FormatInt(got.Time.Unix(), 10) != header.Get(got.Family+"-timestamp") {
			t.Fatalf("got %+v of %v", got, header)
		}
		return
	}
	refusal, ok := errors.AsType[*Refusal](ours)
	if !ok {
		t.Fatalf("got %T", ours)
	}
	strict := []string{detailRepeated, detailMixed, detailUnequal, detailID, detailTime, detailSignatures}
	if theirs == nil && !slices.Contains(strict, refusal.Detail) {
		t.Fatalf("the library takes it, refused as %v: %v", ours, header)
	}
}

func shaped(t *testing.T, id string, off int64, body []byte, text string, shape uint8) http.Header {
	t.Helper()
	family, other := "svix", "webhook"
	if shape&1 != 0 {
		family, other = other, family
	}
	at := time.Unix(time.Now().Unix()+off, 0)
	header := signed(t, secretA, family, id, at, string(body))
	if shape&16 != 0 {
		header.Set(family+"-signature", strings.Replace(text, "*", header.Get(family+"-signature"), 1))
	}
	if shape&32 != 0 {
		header.Set(family+"-timestamp", text+header.Get(family+"-timestamp"))
	}
	if shape&64 != 0 {
		header.Set(family+"-id", text)
	}
	if shape&2 != 0 {
		for _, name := range []string{"-id", "-timestamp", "-signature"} {
			header.Set(other+name, header.Get(family+name))
		}
	}
	if shape&4 != 0 {
		header.Set(other+"-id", text)
	}
	if shape&8 != 0 {
		header.Add(family+"-id", text)
	}
	return header
}
