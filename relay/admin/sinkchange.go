package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
)

// changeSink reads the request of a change, carries it out and shows the sink
// as it is then.
func (c *call) changeSink(what string, orphans bool, change func(name string, req SinkChange) (int, error)) (any, error) {
	var req SinkChange
	if err := c.body(&req); err != nil {
		return nil, err
	}
	if err := checkText("by", req.By); err != nil {
		return nil, err
	}
	if err := checkText("reason", req.Reason); err != nil {
		return nil, err
	}
	name := c.PathValue("name")
	if _, err := c.server.sinkNamed(c.Context(), name, orphans); err != nil {
		return nil, err
	}
	n, err := change(name, req)
	if err == nil || n > 0 {
		c.audit(what, req.By, "sink", name, "to", req.To, "reason", req.Reason, "count", n)
	}
	if err != nil {
		return nil, err
	}
	sink, err := c.server.sinkNamed(c.Context(), name, true)
	if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusNotFound {
		return SinkChanged{Sink: Sink{Name: name, State: SinkOrphaned}, Deliveries: n}, nil // nothing is left of it
	}
	return SinkChanged{Sink: sink, Deliveries: n}, err
}

// sinkNamed finds a sink, with orphans also one that has left the
// configuration and has deliveries.
func (s *Server) sinkNamed(ctx context.Context, name string, orphans bool) (Sink, error) {
	list, err := s.allSinks(ctx)
	if err != nil {
		return Sink{}, err
	}
	i := slices.IndexFunc(list, func(sink Sink) bool { return sink.Name == name })
	if i >= 0 && (orphans || list[i].State != SinkOrphaned) {
		return list[i], nil
	}
	_, err = s.knownSink(name, http.StatusNotFound)
	return Sink{}, err
}

func (c *call) pauseSink() (any, error) {
	return c.changeSink("sink paused", false, func(name string, req SinkChange) (int, error) {
		value, err := json.Marshal(handPause{At: c.server.now().UTC(), By: req.By, Reason: req.Reason})
		if err != nil {
			return 0, err
		}
		if err := c.server.opts.Memory.Put(c.Context(), handOwner, name, value, 0); err != nil {
			return 0, err
		}
		return 0, c.server.opts.Operator.Pause(c.Context(), name, true)
	})
}

func (c *call) resumeSink() (any, error) {
	return c.changeSink("sink resumed", false, func(name string, _ SinkChange) (int, error) {
		if err := c.server.opts.Operator.Pause(c.Context(), name, false); err != nil {
			return 0, err
		}
		if err := c.server.opts.Memory.Put(c.Context(), handOwner, name, nil, 0); err != nil {
			return 0, err
		}
		if probe := c.server.opts.ProbeNow; probe != nil {
			probe(name)
		}
		return 0, nil
	})
}

func (c *call) moveSink() (any, error) {
	return c.changeSink("backlog moved", true, func(name string, req SinkChange) (int, error) {
		if req.To == "" {
			return 0, badRequest("to is missing: the sink that gets what waits for %s", name)
		}
		if req.To == name {
			return 0, badRequest("%s is the same sink", name)
		}
		if _, err := c.server.knownSink(req.To, http.StatusBadRequest); err != nil {
			return 0, err
		}
		return c.server.opts.Operator.Move(c.Context(), name, req.To)
	})
}

func (c *call) discardSink() (any, error) {
	return c.changeSink("backlog discarded", true, func(name string, _ SinkChange) (int, error) {
		return c.server.opts.Operator.Discard(c.Context(), name)
	})
}
