package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"botrelay/relay"
	"botrelay/relay/admin"
	"botrelay/relay/config"
	"botrelay/relay/receive"
	"botrelay/sinks"
)

// reading is a configuration file with what the sinks make of it. It may be
// used if the file has no fault.
type reading struct {
	file   *config.File
	plan   *sinks.Plan
	status admin.ConfigStatus
}

// newReading completes what has been read just now.
func newReading(file *config.File, plan *sinks.Plan) *reading {
	status := admin.ConfigStatus{File: file.Path, Hash: file.Hash()}
	if info, err := os.Stat(file.Path); err == nil {
		status.Modified = info.ModTime().UTC()
	}
	return &reading{file, plan, status}
}

// inForce is the configuration that a relay works by, and how another takes its
// place. Its methods may be called concurrently.
type inForce struct {
	a        *assembly
	store    relayStore
	receiver *receive.Receiver
	loop     *relay.Loop
	started  *reading // with what is fixed until a restart

	reloading sync.Mutex
	now       atomic.Pointer[reading]
	refused   atomic.Pointer[string] // why the last reload was not taken; nil if it was
}

func newInForce(a *assembly, p parts, loop *relay.Loop) *inForce {
	f := &inForce{a: a, store: p.store, receiver: p.receiver, loop: loop, started: newReading(a.file, a.plan)}
	f.now.Store(f.started)
	return f
}

func (f *inForce) status() admin.ConfigStatus {
	status := f.now.Load().status
	if why := f.refused.Load(); why != nil {
		status.Refused = *why
	}
	return status
}

// reload reads the file again and takes it if it has no fault. With one nothing
// has changed. Deliveries under way finish as they began.
func (f *inForce) reload(ctx context.Context) (admin.Reloaded, error) {
	f.reloading.Lock()
	defer f.reloading.Unlock()
	answer := admin.Reloaded{File: f.started.file.Path}
	if f.a.reread == nil {
		answer.Notes = []string{"this relay has no file to read again"}
		return answer, nil
	}
	next := newReading(f.a.reread())
	for _, p := range next.file.Problems() {
		if p.Warning {
			answer.Warnings = append(answer.Warnings, p.String())
		} else {
			answer.Faults = append(answer.Faults, p.String())
		}
	}
	if len(answer.Faults) > 0 {
		why := counted(len(answer.Faults), "fault") + ", the first is " + answer.Faults[0]
		f.refused.Store(&why)
		return answer, nil
	}
	if err := f.take(next); err != nil {
		return answer, err
	}
	answer.Taken = true
	answer.Notes = append(restartNotes(f.started.file, next.file), f.orphanNotes(ctx, f.now.Load(), next)...)
	f.now.Store(next)
	f.refused.Store(nil)
	return answer, nil
}

// take puts sources, routes and sinks into the relay. The receiver is first: a
// new sink may get deliveries before its loop begins, but none is stored for a
// sink that has gone.
func (f *inForce) take(next *reading) error {
	sources, err := sourcesOf(next.file)
	if err != nil {
		return err
	}
	before, err := sourcesOf(f.now.Load().file)
	if err != nil {
		return err
	}
	made, err := f.a.destinations(next.plan, f.store)
	if err != nil {
		return err
	}
	if err := f.receiver.Swap(sources, next.file.Routes.Targets); err != nil {
		return errors.Join(err, sinks.Close(made))
	}
	if err := f.loop.Swap(made); err != nil {
		return errors.Join(err, sinks.Close(made), f.receiver.Swap(before, f.now.Load().file.Routes.Targets))
	}
	return nil
}

// restartNotes names what has changed and is taken at the next start only.
func restartNotes(was, is *config.File) (notes []string) {
	for _, part := range []struct {
		name    string
		changed bool
	}{
		{"listen", was.Listen != is.Listen},
		{"tls", was.TLS != is.TLS},
		{"admin.listen", was.Admin.Listen != is.Admin.Listen},
		{"store", was.Store != is.Store},
		{"retention", was.Retention != is.Retention},
		{"shutdown", was.Shutdown != is.Shutdown},
		{"log", was.Log != is.Log},
	} {
		if part.changed {
			notes = append(notes, part.name+" has changed: restart to change it")
		}
	}
	return notes
}

// orphanNotes names the sinks that have gone with deliveries left.
func (f *inForce) orphanNotes(ctx context.Context, was, is *reading) (notes []string) {
	waiting := map[string]int{}
	backlogs, err := f.store.Sinks(ctx)
	if err != nil {
		return nil // status shows them
	}
	for _, b := range backlogs {
		waiting[b.Sink] = b.Pending + b.Retrying
	}
	stays := map[string]bool{}
	for _, s := range is.file.Sinks {
		stays[s.Name] = true
	}
	for _, s := range was.file.Sinks {
		if n := waiting[s.Name]; n > 0 && !stays[s.Name] {
			notes = append(notes, fmt.Sprintf("sink %s is gone with %s waiting: botrelay sinks move %s SINK", s.Name, withCommas(n), s.Name))
		}
	}
	return notes
}

// obeyHangups reloads at each signal of the assembly until ctx ends.
func (f *inForce) obeyHangups(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.a.hangups:
			answer, err := f.reload(ctx)
			logReload(f.a.logger, answer, err)
		}
	}
}

func logReload(logger *slog.Logger, answer admin.Reloaded, err error) {
	for _, line := range answer.Warnings {
		logger.Warn(line)
	}
	for _, line := range answer.Faults {
		logger.Error(line)
	}
	for _, line := range answer.Notes {
		logger.Warn(line)
	}
	switch {
	case err != nil:
		logger.Error("the configuration could not be taken; the relay keeps what it has", "err", err)
	case !answer.Taken:
		logger.Error("the changed configuration is refused; the relay keeps what it has", "file", answer.File, "faults", len(answer.Faults))
	default:
		logger.Info("configuration reloaded", "file", answer.File)
	}
}
