// Package kafkasink sends deliveries to Apache Kafka, one record each: the raw
// body as the value, the key of the event as the key, its fields as headers.
//
//	Send ─ topic and key ─ partition (Java's murmur2) ─ lane ─ one Produce request at a time ─► acknowledged by all replicas
//
// A [Sink] has a lane for each partition that it writes to. While a request of
// a lane is in flight, what arrives for the same partition gathers, and the
// next request takes all of it. So a lone event is sent at once, many at a time
// travel together, and the records of a partition keep their order. Nothing
// waits for company.
//
// The package speaks through kafka.Client and not kafka.Writer of
// segmentio/kafka-go. A Writer waits for a batch to fill, goes on writing after
// its caller has given up, hides which record a broker complained about, and
// its Close may hang (github.com/segmentio/kafka-go/issues/1307). It never tries
// a request again by itself either way: the delivery loop does.
//
// # What may arrive twice
//
// The producer is not idempotent: kafka-go has none. When Send ends without an
// answer (its context ended, the connection broke, the broker timed out), the
// record may have been written or may still be written, and the delivery loop
// sends it again. Consumers tell copies by the header botrelay-id. A record
// that had not left its lane when its context ended is never written.
package kafkasink
