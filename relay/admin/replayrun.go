package admin

import (
	"context"
	"sync"
	"time"

	"botrelay/relay"
)

const (
	// outstanding is how many deliveries of one replay may be on their way to
	// one sink.
	outstanding = 100
	// paceStep is the time of one step, and mostStep the events in it.
	paceStep = 100 * time.Millisecond
	mostStep = 50
	// watchEvery is how often the memory is looked at for replays that another
	// process has begun or left behind.
	watchEvery = 10 * time.Second
	// abandonedAfter is how long a record of another process must not have
	// changed before this one goes on with it.
	abandonedAfter = time.Minute
)

// runReplays carries out jobs until ctx ends, those first that were under way
// when the process ended.
func (s *Server) runReplays(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	watched := map[string]watching{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.replays.wake:
		case <-timer.C:
			timer.Reset(watchEvery)
		}
		jobs, err := s.loadReplays(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.logger.Warn("replays could not be looked for", "err", err)
			}
			continue
		}
		for _, j := range jobs {
			if (j.State == ReplayRunning || j.toEnd) && s.mine(j, watched) {
				s.carryOut(ctx, j, &running)
			}
		}
	}
}

// watching is what was last seen of a job that another process carries out.
type watching struct {
	runner string
	beat   int
	since  time.Time
}

// mine tells whether this process shall carry the job out: it is its own, or
// nobody else does. No clock is compared with another's.
func (s *Server) mine(j *job, watched map[string]watching) bool {
	if j.Runner == s.replays.runner || s.opts.Alone {
		return true
	}
	w := watched[j.ID]
	if w.runner != j.Runner || w.beat != j.Beat {
		watched[j.ID] = watching{j.Runner, j.Beat, time.Now()}
		return false
	}
	return time.Since(w.since) >= abandonedAfter
}

// carryOut begins with a job unless that is done already.
func (s *Server) carryOut(ctx context.Context, j *job, running *sync.WaitGroup) {
	s.replays.mu.Lock()
	defer s.replays.mu.Unlock()
	if s.replays.active[j.ID] {
		return
	}
	s.replays.active[j.ID] = true
	running.Go(func() {
		s.runJob(ctx, j)
		s.replays.mu.Lock()
		delete(s.replays.active, j.ID)
		s.replays.mu.Unlock()
	})
}

// runJob goes through a job to its end, or until ctx ends. What the store
// refuses is tried again, from the record.
func (s *Server) runJob(ctx context.Context, j *job) {
	j.State, j.Runner = ReplayRunning, s.replays.runner
	pause := newPause()
	for resumed := false; ; {
		wait, err := s.advance(ctx, j, resumed)
		resumed = err == nil
		switch {
		case err == nil:
			pause.reset()
		case ctx.Err() == nil:
			s.logger.Warn("a replay is held up; it will go on", "replay", j.ID, "err", err)
			wait = pause.longer()
		}
		if j.State != ReplayRunning {
			s.logger.Info("replay ended", "replay", j.ID, "state", j.State, "events", j.Events, "queued", j.Queued)
			return
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// advance does what is next for a job: first what its record announces and a
// kill or an error has kept from being queued, then step by step.
func (s *Server) advance(ctx context.Context, j *job, resumed bool) (wait time.Duration, err error) {
	if !resumed {
		return 0, s.queue(ctx, j, j.Sent)
	}
	return s.step(ctx, j)
}

// retryPause is the wait between tries, which doubles.
type retryPause struct{ next time.Duration }

func newPause() *retryPause { return &retryPause{next: time.Second} }

func (p *retryPause) reset() { p.next = time.Second }

func (p *retryPause) longer() time.Duration {
	d := p.next
	p.next = min(2*p.next, 30*time.Second)
	return d
}

// sleep waits; false: ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// queue queues deliveries, each as often as it says and not once more: it may
// be repeated.
func (s *Server) queue(ctx context.Context, j *job, all []sent) error {
	var refs []relay.Ref
	copies := map[string][]sent{}
	for _, one := range all {
		if one.Of != "" {
			copies[one.Ref.ID] = append(copies[one.Ref.ID], one)
			continue
		}
		_, states, err := s.opts.Reader.Event(ctx, one.Ref.Source, one.Ref.ID)
		if err != nil {
			return err
		}
		queued := false
		for _, st := range states {
			queued = queued || st.Sink == one.Ref.Sink && st.Replay >= one.Replay
		}
		if !queued {
			ref := one.Ref
			ref.Route = one.Route
			refs = append(refs, ref)
		}
	}
	for _, group := range copies {
		if err := s.appendCopy(ctx, group); err != nil {
			return err
		}
	}
	if len(refs) == 0 {
		return nil
	}
	done, err := s.opts.Operator.Requeue(ctx, refs...)
	for _, d := range done {
		if !d.Changed {
			j.Counts[d.Why]++
			j.Queued--
		}
	}
	return err
}

// appendCopy stores an event anew, under the id of its copy. The store knows
// the id if that was done before.
func (s *Server) appendCopy(ctx context.Context, group []sent) error {
	first := group[0]
	original, _, err := s.opts.Reader.Event(ctx, first.Ref.Source, first.Of)
	if err != nil || original == nil || original.Raw == nil {
		return err
	}
	ev := renew(original, first.Ref.ID, s.now())
	var to []relay.Target
	for _, one := range group {
		to = append(to, relay.Target{Sink: one.Ref.Sink, Route: one.Route, Key: replayedKey + ev.OrderKey()})
	}
	_, err = s.opts.Log.Append(ctx, ev, to...)
	return err
}

// step does the next events of a job and returns how long to wait before the
// one after it. What it is about to do is written down first, so that a kill
// repeats nothing and leaves nothing out.
func (s *Server) step(ctx context.Context, j *job) (wait time.Duration, err error) {
	if ended, err := s.opts.Memory.Get(ctx, replayOwner, endPrefix+j.ID); err != nil {
		return 0, err
	} else if ended != nil {
		return 0, s.endReplay(ctx, j, ReplayCancelled)
	}
	if j.Looked {
		return 0, s.endReplay(ctx, j, ReplayDone)
	}
	room := j.room()
	if room < outstanding/2 {
		if j.Sent, err = s.underWay(ctx, j.Sent); err != nil {
			return 0, err
		}
		room = j.room()
	}
	if room == 0 {
		return paceStep, nil
	}
	limit := min(max(j.Request.Rate/10, 1), mostStep, room)
	page, err := s.replayPage(ctx, j.Request, j.Cursor, limit)
	if err != nil {
		return 0, err
	}
	next, err := s.announce(ctx, j, page)
	if err != nil {
		return 0, err
	}
	if err := s.queue(ctx, j, next); err != nil {
		return 0, err
	}
	return time.Duration(len(page.events)) * time.Second / time.Duration(j.Request.Rate), nil
}

// announce writes down what the next events need, and returns it.
func (s *Server) announce(ctx context.Context, j *job, page replayed) ([]sent, error) {
	after := *j
	after.Counts = map[string]int{}
	for why, n := range j.Counts {
		after.Counts[why] = n
	}
	var next []sent
	for _, ev := range page.events {
		p, err := s.prepare(ctx, j.Request, j.Number, ev)
		if err != nil {
			return nil, err
		}
		for why, n := range p.skipped {
			after.Counts[why] += n
		}
		for i, t := range p.targets {
			one := sent{Ref: relay.Ref{Source: ev.Source, ID: ev.ID, Sink: t.Sink}, Route: t.Route, Replay: p.replays[i]}
			if p.renewed != nil {
				one.Of, one.Ref.ID = ev.ID, p.renewed.ID
			}
			next = append(next, one)
		}
		after.Reached = ev.Received.UTC()
	}
	after.Events += len(page.events)
	after.Queued += len(next)
	after.Cursor, after.Looked = page.next, page.next == ""
	after.Sent = append(append([]sent{}, j.Sent...), next...)
	if err := s.saveReplay(ctx, &after); err != nil {
		return nil, err
	}
	*j = after
	return next, nil
}

// room is how many deliveries may be queued for the sink that has the most on
// its way.
func (j *job) room() int {
	most, bySink := 0, map[string]int{}
	for _, one := range j.Sent {
		bySink[one.Ref.Sink]++
		most = max(most, bySink[one.Ref.Sink])
	}
	return max(outstanding-most, 0)
}
