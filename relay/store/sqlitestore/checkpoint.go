package sqlitestore

import (
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// When the log is copied back into the database. PASSIVE waits for nobody and
// lets the log begin anew once everything is copied and nobody reads it. Under
// readers that overlap there is no such moment: TRUNCATE makes one, by letting
// nobody begin until those who read have ended.
const (
	checkpointFrames = 1000
	frameBytes       = 4096 + 24
	truncateFrames   = 64 << 20 / frameBytes
	// readPatience is how long reads may take to end: a page takes 50 ms.
	readPatience = 200 * time.Millisecond
)

// walState is how long the write-ahead log is, in frames.
type walState struct {
	frames int // after the last commit
	copied int // at the last checkpoint
	limit  int // above which it has to shrink
	calm   int // above which readers are held back for that
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
	if mode == sqlite3.CHECKPOINT_TRUNCATE && natureOf(err) == busy && w.log.frames > w.log.calm {
		err = w.copyBackCalmly()
	}
	switch natureOf(err) {
	case ok:
		if mode == sqlite3.CHECKPOINT_TRUNCATE {
			w.log.frames, w.log.copied, w.log.calm = 0, 0, 0
		}
		return nil
	case busy: // something reads for long: again after the next group
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

// copyBackCalmly empties the log while nobody reads. Where that is in vain,
// since a backup or the counting at the start reads for longer, readers are not
// held back again before the log has grown by another part.
func (w *writer) copyBackCalmly() error {
	w.log.calm = w.log.frames + checkpointFrames
	patience, stop := w.store.opts.Clock.NewTimer(readPatience)
	defer stop()
	return w.store.readers.pause(patience, func() error { return w.copyBack(sqlite3.CHECKPOINT_TRUNCATE) })
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
