package relay

import "time"

// paceBurst is the time whose deliveries may go out together. It keeps high
// rates from waking the loop for each delivery; up to 100/s they are evenly
// spaced.
const paceBurst = 10 * time.Millisecond

// pace is the rate of one sink. Tokens are asked for before a claim and paid
// for what was claimed, when it was: waiting for deliveries uses none up. The
// zero pace has no limit.
type pace struct {
	interval time.Duration
	burst    int
	next     time.Time // when the next token is there
}

// set takes a rate; what was spent stays spent.
func (p *pace) set(r Rate) {
	if r.Events == 0 {
		*p = pace{}
		return
	}
	p.interval = max(1, r.Per/time.Duration(r.Events))
	p.burst = max(1, int(paceBurst/p.interval))
}

// available returns how many may be sent now, at most limit, or how long until
// there is one.
func (p *pace) available(limit int, now time.Time) (n int, wait time.Duration) {
	if p.interval == 0 {
		return limit, 0
	}
	if now.Before(p.next) {
		return 0, p.next.Sub(now)
	}
	saved := now.Sub(p.next) / p.interval
	return int(min(saved+1, time.Duration(p.burst), time.Duration(limit))), 0
}

// spend pays for n.
func (p *pace) spend(n int, now time.Time) {
	if p.interval == 0 {
		return
	}
	earliest := now.Add(-time.Duration(p.burst-1) * p.interval)
	if p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(n) * p.interval)
}
