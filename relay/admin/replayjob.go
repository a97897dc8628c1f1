package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"botrelay/relay"
)

// The memory of replays: a job's record, and beside it a word that it shall
// end, since the record is its runner's alone to write.
const (
	replayOwner = "_replay"
	jobPrefix   = "job/"
	endPrefix   = "end/"
	// replayKeep is how long an ended replay is shown.
	replayKeep = 30 * day
)

// job is a replay as it is remembered: all that is needed to go on with it
// after a kill at any moment.
type job struct {
	Replay
	Number int    `json:"number"`
	Asked  string `json:"asked"` // what makes two requests the same

	Runner string `json:"runner"` // the process that carries it out
	Beat   int    `json:"beat"`   // rises with each record
	Cursor string `json:"cursor"` // where the next page of events begins
	Looked bool   `json:"looked"` // the last page has been read
	// Sent are the deliveries that have been queued and may not have ended, and
	// at the end those about to be queued when the record was written.
	Sent   []sent         `json:"sent"`
	Counts map[string]int `json:"counts"` // what was left alone

	toEnd bool // somebody has cancelled it, and its record does not say so yet
}

// sent is one delivery of a replay.
type sent struct {
	Ref    relay.Ref `json:"ref"`
	Route  string    `json:"route,omitempty"`
	Replay int       `json:"replay"`       // how often its delivery has been asked for once it is queued
	Of     string    `json:"of,omitempty"` // the id of the event that Ref's is a copy of
}

// replays is what a Server knows of its replays beside the memory.
type replays struct {
	runner   string        // names this process
	creating sync.Mutex    // held while a job is made
	wake     chan struct{} // there is a new job, or one shall end

	mu     sync.Mutex
	active map[string]bool // by id: those that this process carries out
}

func (r *replays) init() {
	r.runner = rand.Text()
	r.wake = make(chan struct{}, 1)
	r.active = map[string]bool{}
}

// look lets the runner look at the memory again.
func (r *replays) look() {
	select {
	case r.wake <- struct{}{}:
	default: // it is going to
	}
}

func jobKey(number int) string { return fmt.Sprintf("%s%08d", jobPrefix, number) }

// loadReplays reads all jobs, the oldest first.
func (s *Server) loadReplays(ctx context.Context) ([]*job, error) {
	ended := map[string]bool{}
	err := s.opts.Memory.List(ctx, replayOwner, endPrefix, func(key string, _ []byte) bool {
		ended[key[len(endPrefix):]] = true
		return true
	})
	if err != nil {
		return nil, err
	}
	var jobs []*job
	err = s.opts.Memory.List(ctx, replayOwner, jobPrefix, func(key string, value []byte) bool {
		j := &job{}
		if err := json.Unmarshal(value, j); err != nil {
			s.logger.Error("a replay that is remembered cannot be read", "key", key, "err", err)
			return true
		}
		if j.State == ReplayRunning && ended[j.ID] {
			j.State, j.toEnd = ReplayCancelled, true
		}
		jobs = append(jobs, j)
		return true
	})
	return jobs, err
}

func (s *Server) loadReplay(ctx context.Context, id string) (*job, error) {
	jobs, err := s.loadReplays(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return nil, notFound("no replay is %q", shortened(id))
}

// knownReplay finds the job of an earlier request that was the same: by the id
// that both have, or by its contents while that one is under way.
func (s *Server) knownReplay(ctx context.Context, requestID, asked string) (*job, error) {
	jobs, err := s.loadReplays(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		switch {
		case requestID != "" && j.Request.RequestID == requestID:
			if j.Asked != asked {
				return nil, conflict("request_id "+requestID+" was that of another replay: "+j.ID, "choose another")
			}
			return j, nil
		case requestID == "" && j.State == ReplayRunning && j.Asked == asked:
			return j, nil
		}
	}
	return nil, nil
}

// createReplay remembers a new job and lets it begin.
func (s *Server) createReplay(ctx context.Context, req ReplayRequest, asked string, plan ReplayPlan) (*job, error) {
	jobs, err := s.loadReplays(ctx)
	if err != nil {
		return nil, err
	}
	number := 1
	if n := len(jobs); n > 0 {
		number = jobs[n-1].Number + 1
	}
	j := &job{
		Replay: Replay{
			ID: strconv.Itoa(number), State: ReplayRunning, Created: s.now().UTC(),
			Request: req, Plan: plan, Skipped: []KeptReason{},
		},
		Number: number, Asked: asked, Runner: s.replays.runner, Counts: map[string]int{},
	}
	if err := s.saveReplay(ctx, j); err != nil {
		return nil, err
	}
	s.replays.look()
	return j, nil
}

// saveReplay writes a job's record down.
func (s *Server) saveReplay(ctx context.Context, j *job) error {
	j.Beat++
	j.Skipped = keptReasons(j.Counts)
	value, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode replay %s: %w", j.ID, err)
	}
	var keep time.Duration
	if j.State != ReplayRunning {
		keep = replayKeep
	}
	return s.opts.Memory.Put(ctx, replayOwner, jobKey(j.Number), value, keep)
}

// cancelJob says that a job shall end. Its runner, which may be another
// process, sees it at its next step.
func (s *Server) cancelJob(ctx context.Context, j *job) error {
	if err := s.opts.Memory.Put(ctx, replayOwner, endPrefix+j.ID, []byte("{}"), 0); err != nil {
		return err
	}
	j.State = ReplayCancelled
	s.replays.look()
	return nil
}

// endReplay writes down that a job has ended.
func (s *Server) endReplay(ctx context.Context, j *job, state string) error {
	after := *j
	after.State, after.Ended, after.toEnd = state, s.now().UTC(), false
	if err := s.saveReplay(ctx, &after); err != nil {
		return err
	}
	*j = after
	return s.opts.Memory.Put(ctx, replayOwner, endPrefix+j.ID, nil, 0)
}

// shownReplay is a job for people, with what is on its way by now.
func (s *Server) shownReplay(ctx context.Context, j *job) (Replay, error) {
	left, err := s.underWay(ctx, j.Sent)
	if err != nil {
		return Replay{}, err
	}
	shown := j.Replay
	shown.OnTheWay = len(left)
	if shown.State == ReplayRunning {
		shown.Remaining = float64(max(j.Plan.Events-j.Events, 0)) / float64(j.Request.Rate)
	}
	return shown, nil
}

// underWay keeps those deliveries that have not ended, by asking the reader.
func (s *Server) underWay(ctx context.Context, all []sent) ([]sent, error) {
	type key struct{ source, id string }
	looked := map[key][]relay.Status{}
	var left []sent
	for _, one := range all {
		k := key{one.Ref.Source, one.Ref.ID}
		states, ok := looked[k]
		if !ok {
			var err error
			if _, states, err = s.opts.Reader.Event(ctx, k.source, k.id); err != nil {
				return nil, err
			}
			looked[k] = states
		}
		for _, st := range states {
			if st.Sink == one.Ref.Sink && (st.State == relay.StatePending || st.State == relay.StateRetrying) {
				left = append(left, one)
			}
		}
	}
	return left, nil
}
