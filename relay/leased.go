package relay

import (
	"context"
	"time"
)

// lost tells whether the sink has passed to another relay since the delivery
// was claimed.
func (d *Delivery) lost() bool { return d.Lease != nil && d.Lease.Err() != nil }

// sendContext is the context of one send of these deliveries, which were claimed
// together: it ends after the timeout, when the relay stops, and when the lease
// of their sink ends.
func (l *line) sendContext(timeout time.Duration, ds ...*Delivery) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(l.stop.sends, timeout)
	if lease := ds[0].Lease; lease != nil {
		stop := context.AfterFunc(lease, cancel)
		return ctx, func() { stop(); cancel() }
	}
	return ctx, cancel
}
