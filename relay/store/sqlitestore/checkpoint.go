package sqlitestore

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// When the log is copied back into the database. PASSIVE waits for nobody and
// lets the log begin anew once everything is copied and nobody reads it; under
// readers that overlap only TRUNCATE gets it to shrink.
const (
	checkpointFrames = 1000
	frameBytes       = 4096 + 24
	truncateFrames   = 64 << 20 / frameBytes
)

// walState is how long the write-ahead log is, in frames.
type walState struct {
	frames int // after the last commit
	copied int // at the last checkpoint
	limit  int // above which it has to shrink
}

// checkpoint copies the log back when it is time. Its errors count like those
// of a commit: what was acknowledged is in the log, but a disk that fails here
// is not to be trusted with more.
func (w *writer) checkpoint() error {
	if w.log.frames < w.log.copied {
		w.log.copied = 0 // the log has begun anew
	}
	mode := sqlite3.CHECKPOINT_PASSIVE
	switch {
	case w.log.frames > w.log.limit:
		mode = sqlite3.CHECKPOINT_TRUNCATE
	case w.log.frames-w.log.copied < checkpointFrames:
		return nil
	}
	w.log.copied = w.log.frames
	err := w.copyBack(mode)
	switch natureOf(err) {
	case ok:
		if mode == sqlite3.CHECKPOINT_TRUNCATE {
			w.log.frames, w.log.copied = 0, 0
		}
		return nil
	case busy: // readers overlap: again after the next group
		w.log.copied = 0
		return nil
	case full:
		w.space.refused = true
		return nil
	case damaged:
		return w.ending(err)
	}
	return fmt.Errorf("copy the log of %s into the database: %w", w.store.opts.Dir, w.store.vfs.explain(err))
}

// copyBack runs one checkpoint and does not wait for readers: a backup may read
// for minutes.
func (w *writer) copyBack(mode sqlite3.CheckpointMode) error {
	if err := w.BusyTimeout(0); err != nil {
		return err
	}
	_, _, err := w.WALCheckpoint("main", mode)
	if again := w.BusyTimeout(busyTimeout); err == nil {
		err = again
	}
	return err
}

// checkpointAll leaves nothing in the log.
func (w *writer) checkpointAll() error {
	_, _, err := w.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	if err != nil && natureOf(err) != busy {
		return fmt.Errorf("copy the log of %s into the database: %w", w.store.opts.Dir, err)
	}
	return nil
}
