package kafkasink

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// shortThrottle is how long a lane waits by itself when a broker asks for a
// rest. What is longer goes back to the delivery loop.
const shortThrottle = time.Second

// brake holds the requests of a sink back for as long as a broker has asked.
// The broker has answered by then, and reads nothing more from the connection
// until the time is over (KIP-219). That connection may be any lane's next: a
// request on it would time out, be repeated, and be there twice.
type brake struct {
	mu    sync.Mutex
	until time.Time
}

// press makes the brake hold for at least d.
func (b *brake) press(d time.Duration) {
	if d <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := time.Now().Add(d); until.After(b.until) {
		b.until = until
	}
}

// left is how long the brake holds still; not positive if it does not.
func (b *brake) left() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.until)
}

// wait returns when the brake holds no more, or ctx ends.
func (b *brake) wait(ctx context.Context) {
	left := b.left()
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// holdError says that a broker wants no request for a while.
type holdError struct{ left time.Duration }

func (e *holdError) Error() string {
	return fmt.Sprintf("the broker throttles this client for %s", e.left.Round(time.Millisecond))
}
