package kafkasink

import (
	"io"
	"math/bits"

	"github.com/segmentio/kafka-go"

	"botrelay/relay"
	"botrelay/sinks/internal/headers"
)

// recordHeaders are the headers of the record of d: its id, and what every sink
// with headers says.
func recordHeaders(d *relay.Delivery) []kafka.Header {
	shared := headers.Of(d)
	list := make([]kafka.Header, 0, 1+len(shared))
	list = append(list, kafka.Header{Key: "botrelay-id", Value: []byte(d.Event.ID)})
	for _, h := range shared {
		list = append(list, kafka.Header{Key: h.Name, Value: []byte(h.Value)})
	}
	return list
}

// Bytes of a record batch around its records, and what the offset of a record
// within its batch may add to it.
// https://kafka.apache.org/documentation/#recordbatch
const (
	batchOverhead  = 61
	offsetOverhead = 2
)

// record is what one delivery puts on the wire. Its time is left to the moment
// of sending: with an event's own time, retention would count from there, and a
// broker refuses a whole batch for one record from the future.
type record struct {
	key, value []byte
	headers    []kafka.Header
}

// size is the length of the record as the first of an uncompressed batch.
// https://kafka.apache.org/documentation/#record
func (r *record) size() int {
	n := 1 + 1 + 1 + // attributes, time and offset within the batch
		sizeOfBytes(len(r.key)) + sizeOfBytes(len(r.value)) + sizeOfVarint(len(r.headers))
	for _, h := range r.headers {
		n += sizeOfBytes(len(h.Key)) + sizeOfBytes(len(h.Value))
	}
	return sizeOfBytes(n)
}

// sizeOfBytes is the size of n bytes behind their length.
func sizeOfBytes(n int) int { return sizeOfVarint(n) + n }

// sizeOfVarint is the size of n in zigzag encoding, seven bits a byte.
func sizeOfVarint(n int) int { return (bits.Len64(uint64(n)<<1|1) + 6) / 7 }

// reader yields the records of a batch to one Produce request.
type reader struct{ batch []*pending }

// ReadRecord returns the next record, or io.EOF.
func (r *reader) ReadRecord() (*kafka.Record, error) {
	if len(r.batch) == 0 {
		return nil, io.EOF
	}
	next := &r.batch[0].record
	r.batch = r.batch[1:]
	return &kafka.Record{Key: kafka.NewBytes(next.key), Value: kafka.NewBytes(next.value), Headers: next.headers}, nil
}
