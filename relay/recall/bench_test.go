package recall

import (
	"os"
	"strings"
	"testing"
)

// kilobyte is a current bot body of 1 KB, most of it metadata.
func kilobyte(tb testing.TB) []byte {
	tb.Helper()
	raw, err := os.ReadFile("samples/bot.fatal.json")
	if err != nil {
		tb.Fatal(err)
	}
	var more strings.Builder
	for more.Len()+len(raw) < 1000 {
		more.WriteString(`"customer_reference":"8c1f0b7e-9a0d-4f52-b6b7","seats":[1,2,3],`)
	}
	return []byte(strings.Replace(string(raw), `"tenant"`, more.String()+`"tenant"`, 1))
}

func BenchmarkNormalise(b *testing.B) {
	raw := kilobyte(b)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, trouble := Normalise("msg_1", raw); trouble != "" {
			b.Fatal(trouble)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := kilobyte(b)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
