package receive

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"botrelay/relay"
	"botrelay/relay/recall"
)

// store makes the event of a verified body and appends it. The status is 202
// for a new event and 200 for a duplicate.
func (r *Receiver) store(ctx context.Context, t *table, e *entry, id string, raw []byte) (int, *Refusal) {
	ev := &relay.Event{Source: e.Name, ID: id, Received: r.now().UTC(), Raw: raw}
	ev.Fields, ev.Trouble = recall.Normalise(id, raw)
	result := resultQuarantined
	var to []relay.Target
	if ev.Trouble == "" {
		to = t.routes(ev)
		result = resultFiltered
		if wanted(to) {
			result = resultAccepted
		}
	}
	receipt, err := r.log.Append(ctx, ev, to...)
	if err != nil {
		return 0, storeRefusal(ctx, err)
	}
	if receipt.Duplicate {
		result = resultDuplicate
	}
	e.tally.results[result].Add(1)
	e.tally.last.Store(ev.Received.UnixNano())
	if receipt.Conflict {
		e.tally.refused[causeConflict].Add(1)
		r.tell(e.tally, refuseWith(causeConflict, "last "+id))
	}
	if r.logger.Enabled(ctx, slog.LevelDebug) {
		r.logger.DebugContext(ctx, "event received", "source", e.Name, "id", id, "result", result.String())
	}
	if receipt.Duplicate {
		return http.StatusOK, nil
	}
	return http.StatusAccepted, nil
}

// wanted tells whether a route chose a sink: timers are no deliveries of a route.
func wanted(to []relay.Target) bool {
	for i := range to {
		if to[i].After.IsZero() {
			return true
		}
	}
	return false
}

// storeRefusal classes what the log answered. Its error holds no secret and no
// payload.
func storeRefusal(ctx context.Context, err error) *Refusal {
	switch {
	case errors.Is(err, relay.ErrFull):
		return refuse(causeFull)
	case errors.Is(err, relay.ErrClosed):
		return refuse(causeClosed)
	case errors.Is(err, relay.ErrUnavailable):
		return refuseWith(causeUnavailable, err.Error())
	case ctx.Err() != nil:
		return refuse(causeStoreSlow)
	}
	return refuseWith(causeStoreError, err.Error())
}
