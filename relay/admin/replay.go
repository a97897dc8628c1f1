package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// How fast a replay goes: by itself, and at most.
const (
	usualRate = 200
	mostRate  = 10_000
	// mostIDs bounds the events that one request names one by one.
	mostIDs = 1_000
)

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// beginReplay makes a job of a request, or tells what it would be.
func (c *call) beginReplay() (any, error) {
	var req ReplayRequest
	if err := c.body(&req); err != nil {
		return nil, err
	}
	asked := fingerprint(req)
	if err := c.checkReplay(&req); err != nil {
		return nil, err
	}
	s, ctx := c.server, c.Context()
	if req.DryRun {
		plan, err := s.plan(ctx, req)
		return Replay{DryRun: true, State: ReplayDone, Request: req, Plan: plan, Skipped: []KeptReason{}}, err
	}
	// One at a time, so that a double click finds what the first one began.
	s.replays.creating.Lock()
	defer s.replays.creating.Unlock()
	if known, err := s.knownReplay(ctx, req.RequestID, asked); known != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return s.shownReplay(ctx, known)
	}
	plan, err := s.plan(ctx, req)
	if err != nil {
		return nil, err
	}
	j, err := s.createReplay(ctx, req, asked, plan)
	if err != nil {
		return nil, err
	}
	c.audit("replay begun", req.By, "replay", j.ID, "count", plan.Events, "to", whither(req))
	shown, err := s.shownReplay(ctx, j)
	return otherwise{http.StatusAccepted, shown}, err
}

// fingerprint is what makes two requests the same for a person.
func fingerprint(req ReplayRequest) string {
	req.By, req.RequestID, req.DryRun = "", "", false
	text, err := json.Marshal(req)
	if err != nil {
		return ""
	}
	return string(text)
}

// checkReplay refuses what cannot be done and fills in what was left out, so
// that the request means the same later.
func (c *call) checkReplay(req *ReplayRequest) error {
	if err := checkText("by", req.By); err != nil {
		return err
	}
	if req.RequestID != "" && !requestID.MatchString(req.RequestID) {
		return badRequest("request_id is not 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if req.Rate == 0 {
		req.Rate = usualRate
	}
	if req.Rate < 1 || req.Rate > mostRate {
		return badRequest("rate %d is not between 1 and %d events a second", req.Rate, mostRate)
	}
	if err := c.checkWhither(req); err != nil {
		return err
	}
	return c.checkWhat(req)
}

func (c *call) checkWhither(req *ReplayRequest) error {
	ways := 0
	for _, chosen := range []bool{len(req.To) > 0, req.Again, req.Reroute} {
		if chosen {
			ways++
		}
	}
	if ways != 1 {
		return badRequest("whither is not said").withHint("exactly one of to, again and reroute")
	}
	for i, name := range req.To {
		if _, err := c.server.knownSink(name, http.StatusBadRequest); err != nil {
			return err
		}
		if slices.Contains(req.To[:i], name) {
			return badRequest("%s is in to twice", name)
		}
	}
	if req.Quarantined && req.Again {
		return badRequest("what was not understood has gone nowhere").withHint("to or reroute instead of again")
	}
	return nil
}

func (c *call) checkWhat(req *ReplayRequest) error {
	now := c.server.now()
	since, err := parseTime("since", req.Since, now)
	if err != nil {
		return err
	}
	until, err := parseTime("until", req.Until, now)
	if err != nil {
		return err
	}
	if _, err := parseWhere(req.Where); err != nil {
		return err
	}
	if len(req.IDs) > 0 {
		return c.checkIDs(req)
	}
	if req.Bot == "" && len(req.Where) == 0 && since.IsZero() && !req.Quarantined {
		return badRequest("nothing is selected").withHint("ids, bot, where, since or quarantined")
	}
	// What comes in from now on is not meant, nor what the replay itself adds.
	if until.IsZero() || until.After(now) {
		until = now
	}
	if req.Bot != "" {
		ref, err := c.server.resolveBot(c.Context(), req.Source, req.Bot)
		if err != nil {
			return err
		}
		req.Source, req.Bot = ref.Source, ref.Bot
		if since, err = c.botSince(ref.Source, ref.Bot, since); err != nil {
			return err
		}
	}
	if !since.IsZero() && !since.Before(until) {
		return badRequest("since is not before until")
	}
	req.Since, req.Until = "", until.UTC().Format(time.RFC3339Nano)
	if !since.IsZero() {
		req.Since = since.UTC().Format(time.RFC3339Nano)
	}
	return nil
}

// botSince spares looking through everything for the events of one bot: those
// off its timeline come after it has set out.
func (c *call) botSince(source, bot string, since time.Time) (time.Time, error) {
	events, err := c.server.opts.Reader.Bot(c.Context(), source, bot)
	if err != nil || len(events) == 0 {
		return since, err
	}
	const before = time.Hour
	return later(since, events[0].Received.Add(-before)), nil
}

func (c *call) checkIDs(req *ReplayRequest) error {
	if req.Bot != "" || len(req.Where) > 0 || req.Since != "" || req.Until != "" || req.Source != "" || req.Quarantined {
		return badRequest("ids stand alone: nothing else can select beside them")
	}
	if len(req.IDs) > mostIDs {
		return badRequest("%d ids are too many; %d are the most", len(req.IDs), mostIDs)
	}
	for i, ref := range req.IDs {
		found, err := c.server.resolveEvent(c.Context(), ref)
		if err != nil {
			return err
		}
		if slices.Contains(req.IDs[:i], found) {
			return badRequest("%s is in ids twice", shortened(ref.ID))
		}
		ev, _, err := c.server.opts.Reader.Event(c.Context(), found.Source, found.ID)
		if err != nil {
			return err
		}
		if ev == nil {
			return notFound("%s has no event %s", found.Source, shortened(ref.ID))
		}
		req.IDs[i] = found
	}
	return nil
}

// whither says in a few words where a replay goes.
func whither(req ReplayRequest) string {
	switch {
	case req.Again:
		return "the sinks that each went to"
	case req.Reroute:
		return "the routes of today"
	}
	return fmt.Sprint(req.To)
}

// listReplays answers the replays, the latest first.
func (c *call) listReplays() (any, error) {
	jobs, err := c.server.loadReplays(c.Context())
	if err != nil {
		return nil, err
	}
	answer := ReplayList{Replays: []Replay{}}
	for _, j := range slices.Backward(jobs) {
		answer.Replays = append(answer.Replays, j.Replay)
	}
	return answer, nil
}

func (c *call) replay() (any, error) {
	j, err := c.server.loadReplay(c.Context(), c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return c.server.shownReplay(c.Context(), j)
}

func (c *call) cancelReplay() (any, error) {
	by := c.query.Get("by")
	if err := checkText("by", by); err != nil {
		return nil, err
	}
	s, ctx := c.server, c.Context()
	j, err := s.loadReplay(ctx, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	switch j.State {
	case ReplayCancelled:
		return s.shownReplay(ctx, j)
	case ReplayRunning:
	default:
		return nil, conflict("replay "+j.ID+" has ended: "+j.State, "")
	}
	if err := s.cancelJob(ctx, j); err != nil {
		return nil, err
	}
	c.audit("replay cancelled", by, "replay", j.ID, "count", j.Events)
	return s.shownReplay(ctx, j)
}
