package kafkasink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// maxBatch bounds the records of one request.
	maxBatch = 1000
	// patience is how long a request may take if no context in it has a deadline.
	patience = 30 * time.Second
)

// lane writes to one partition, one request at a time.
type lane struct {
	sink      *Sink
	topic     string
	partition int

	mu    sync.Mutex
	queue []*pending
	busy  bool // a goroutine runs drain
}

// pending is a record on its way.
type pending struct {
	record record
	size   int
	ctx    context.Context // of the Send that waits for it
	done   chan outcome    // has room for the one outcome
}

// outcome is what a broker said to one record.
type outcome struct {
	offset int64
	err    error
}

// put queues p behind what waits already. It fails with a *holdError while a
// broker has asked for a longer rest.
func (l *lane) put(p *pending) error {
	if left := l.sink.brake.left(); left > shortThrottle {
		return &holdError{left}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, p)
	if l.busy {
		return nil
	}
	l.busy = true
	l.sink.flying.Go(l.drain) // Close waits for the Send that is here, too
	return nil
}

// drain sends what is queued until nothing is left.
func (l *lane) drain() {
	for {
		l.rest()
		batch := l.take()
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithDeadline(l.sink.ctx, deadline(batch))
		l.produce(ctx, batch)
		cancel()
	}
}

// rest waits out a short throttle, and gives back what is queued behind a long
// one.
func (l *lane) rest() {
	left := l.sink.brake.left()
	if left <= shortThrottle {
		l.sink.brake.wait(l.sink.ctx)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.queue {
		p.done <- outcome{err: &holdError{left}}
	}
	l.queue = nil
}

// take removes the next batch from the queue, without those whose Send has
// given up. An empty one says that the lane is idle now.
func (l *lane) take() []*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	var batch []*pending
	size, taken := batchOverhead, 0
	for _, p := range l.queue {
		if p.ctx.Err() == nil {
			if len(batch) == maxBatch || len(batch) > 0 && size+p.size+offsetOverhead > l.sink.maxRecord {
				break
			}
			batch = append(batch, p)
			size += p.size + offsetOverhead
		}
		taken++
	}
	clear(l.queue[:taken])
	l.queue = l.queue[taken:]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	l.busy = len(batch) > 0
	return batch
}

// produce writes batch and settles each of its records. What a broker refuses
// for the sake of one record it refuses whole: then the halves go on their own,
// until the culprit is alone.
func (l *lane) produce(ctx context.Context, batch []*pending) {
	res, err := l.sink.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        l.topic,
		Partition:    l.partition,
		RequiredAcks: kafka.RequireAll,
		Records:      &reader{batch: batch},
	})
	if err == nil {
		l.sink.brake.press(res.Throttle)
		err = res.Error
	} else if cause := errors.Unwrap(err); cause != nil {
		err = cause // without the name of the Go method in front
	}
	if err != nil && len(batch) > 1 && concernsOneRecord(err) {
		half := len(batch) / 2
		for _, part := range [][]*pending{batch[:half], batch[half:]} {
			l.sink.brake.wait(ctx)
			l.produce(ctx, part)
		}
		return
	}
	for i, p := range batch {
		o := outcome{err: err}
		if err == nil {
			o.offset = res.BaseOffset + int64(i)
		}
		p.done <- o
	}
}

// deadline is that of the most patient Send of the batch: a request that others
// still wait for is not given up.
func deadline(batch []*pending) time.Time {
	var latest time.Time
	for _, p := range batch {
		d, ok := p.ctx.Deadline()
		if !ok {
			d = time.Now().Add(patience)
		}
		if d.After(latest) {
			latest = d
		}
	}
	return latest
}
