package admin

import (
	"context"
	"net/http"
	"path/filepath"
	"time"
)

// reload takes the configuration anew.
func (c *call) reload() (any, error) {
	var req Change
	if err := c.body(&req); err != nil {
		return nil, err
	}
	if err := checkText("by", req.By); err != nil {
		return nil, err
	}
	if c.server.opts.Reload == nil {
		return nil, noRelay()
	}
	// A reload that has begun is finished, whoever has stopped listening.
	result, err := c.server.opts.Reload(context.WithoutCancel(c.Context()))
	if err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&result.Faults, &result.Warnings, &result.Notes} {
		if *list == nil {
			*list = []string{}
		}
	}
	c.audit("configuration reloaded", req.By, "taken", result.Taken, "faults", len(result.Faults))
	return result, nil
}

func noRelay() *refusal {
	return conflict("no relay is running", "start it: botrelay serve")
}

// backup copies the store. It takes as long as it takes: the deadline of the
// connection is put off.
func (c *call) backup() (any, error) {
	var req BackupRequest
	if err := c.body(&req); err != nil {
		return nil, err
	}
	if err := checkText("by", req.By); err != nil {
		return nil, err
	}
	if c.server.opts.Backup == nil {
		return nil, conflict("this store makes no copies of itself", "back the database up with its own tools")
	}
	if !filepath.IsAbs(req.Folder) {
		return nil, badRequest("folder %q is not the whole path of a folder on the relay's machine", shortened(req.Folder))
	}
	done, err := c.server.opts.Backup(c.Context(), req.Folder)
	if err != nil {
		c.server.logger.Warn("backup", "folder", req.Folder, "err", err)
		return nil, conflict(err.Error(), "")
	}
	c.audit("store copied", req.By, "folder", req.Folder, "count", done.Events)
	return done, nil
}

// patience is how long an answer may take that is more than a look.
const patience = 10 * time.Minute

// longAnswer lets the answer of this request take its time, where the
// connection would otherwise be cut: the deadline for reading, too, ends the
// request's context when it passes.
func longAnswer(w http.ResponseWriter) {
	until := time.Now().Add(patience)
	control := http.NewResponseController(w)
	// A connection that cannot do it keeps its deadlines.
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until)
}

func (c *call) healthz() (any, error) { return Health{OK: true}, nil }

func (c *call) readyz() (any, error) {
	if ready := c.server.opts.Ready; ready != nil && ready() != nil {
		return otherwise{http.StatusServiceUnavailable, Health{}}, nil
	}
	return Health{OK: true}, nil
}
