package kafkasink

import (
	"testing"

	"botrelay/relay"
)

// TestPartitionVectors: hashes of Kafka's own tests of Utils.murmur2.
// https://github.com/apache/kafka/blob/trunk/clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
func TestPartitionVectors(t *testing.T) {
	s, cluster := scripted(t, defaultMaxRecord, accept)
	for key, hash := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		for _, n := range []int{1, 2, 12, 1009} {
			cluster.partitions = n
			got, err := s.partition(t.Context(), "ev", []byte(key))
			if err != nil {
				t.Fatal(err)
			}
			if want := int(uint32(hash)&0x7fffffff) % n; got != want {
				t.Errorf("%q among %d partitions: got %d, want %d", key, n, got, want)
			}
		}
	}
}

func TestEventThatNoBrokerCouldTake(t *testing.T) {
	s, cluster := scripted(t, 400, accept)
	large, empty, keyless := event("a", 1), event("a", 2), event("", 3)
	large.Event.Raw = make([]byte, 400)
	empty.Event.Raw = nil
	for _, d := range []*relay.Delivery{large, empty, keyless} {
		_, err := s.Send(t.Context(), d)
		wantKind(t, err, relay.Refused)
	}
	if len(cluster.requests) != 0 {
		t.Errorf("something was sent: %v", cluster.requests)
	}
}

// TestSizeIsThatOnTheWire compares with what kafka-go writes.
func TestSizeIsThatOnTheWire(t *testing.T) {
	s, cluster := scripted(t, defaultMaxRecord, accept)
	for i, n := range []int{1, 62, 63, 64, 100, 8190, 8191, 8192, 8193, 70000} {
		d := event("a", i)
		d.Event.Raw = make([]byte, n)
		p, err := s.pending(t.Context(), d, s.own)
		if err != nil {
			t.Fatal(err)
		}
		mustSend(t, s, d)
		if got, want := int64(batchOverhead+p.size), cluster.sizes[i]; got != want {
			t.Errorf("size with a body of %d bytes: got %d, on the wire %d", n, got, want)
		}
	}
}
