package sqlitestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Copy is what a backup or a salvage has written.
type Copy struct {
	Events int
	Bytes  int64
	AsOf   time.Time
}

// Backup copies the store into folder, which must not exist, while everything
// goes on. The copy is one moment of the store, checked and on stable storage
// when Backup returns; until then it has another name. It is refused when it
// would leave less than the floor of that disk and a tenth of the store's size.
// ctx is looked at between the steps, not within the copying.
func (s *Store) Backup(ctx context.Context, folder string) (c Copy, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return c, fmt.Errorf("backup: %w", err)
	}
	parent := filepath.Dir(folder)
	if err := makeFolder(parent); err != nil {
		return c, fmt.Errorf("backup: %w", err)
	}
	if err := s.roomForCopy(parent); err != nil {
		return c, err
	}
	c.AsOf = s.opts.Clock.Now()
	err = intoNewFolder(folder, func(partial string) error {
		path := filepath.Join(partial, databaseFile)
		if err := s.copyTo(path); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.Bytes, err = syncFile(path); err != nil {
			return err
		}
		c.Events, err = s.check(path)
		return err
	})
	if err != nil {
		return Copy{}, fmt.Errorf("backup into %s: %w", folder, err)
	}
	return c, nil
}

func (s *Store) roomForCopy(parent string) error {
	free, total, err := s.opts.Disk(parent)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	size := s.Usage().File
	if needs := size + floorOf(total) + size/10; needs > free {
		return fmt.Errorf("backup needs %s, %s has %s (choose another disk)", humanBytes(needs), parent, humanBytes(free))
	}
	return nil
}

// intoNewFolder lets fill write into a folder that takes its name when it is
// complete and on stable storage.
func intoNewFolder(folder string, fill func(partial string) error) (err error) {
	if _, err := os.Lstat(folder); err == nil {
		return errors.New("it exists already (name a new folder)")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	partial := folder + ".partial-" + rand.Text()[:8]
	if err := os.Mkdir(partial, 0o700); err != nil {
		return explainAccess(filepath.Dir(folder), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	if err := fill(partial); err != nil {
		return err
	}
	if err := syncFolder(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, folder); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(folder))
}

// copyTo runs SQLite's online backup in one step: in pieces it begins anew at
// every commit.
func (s *Store) copyTo(path string) error {
	d, err := openDB(s.access(2<<10, true))
	if err != nil {
		return err
	}
	where := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"vfs": {s.vfs.name}}.Encode()}
	b, err := d.BackupInit("main", where.String())
	if err == nil {
		_, err = b.Step(-1)
		if end := b.Close(); err == nil {
			err = end
		}
	}
	if end := d.close(); err == nil {
		err = end
	}
	return err
}

// check reads the whole copy and counts its events.
func (s *Store) check(path string) (events int, err error) {
	d, err := openDB(access{path: path, vfs: s.vfs.name, synchronous: "FULL", cacheKiB: 8 << 10})
	if err != nil {
		return 0, err
	}
	verdict := ""
	err = d.query(sqlIntegrity, func(st *sqlite3.Stmt) bool {
		verdict = st.ColumnText(0)
		return false
	})
	if err == nil && verdict != "ok" {
		err = fmt.Errorf("the copy is damaged: %s", verdict)
	}
	if err == nil {
		var n int64
		n, _, err = d.get(sqlEventCount)
		events = int(n)
	}
	if end := d.close(); err == nil {
		err = end
	}
	return events, err
}

// syncFile puts a file on stable storage and tells its size.
func syncFile(path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	err = f.Sync()
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			size = info.Size()
		}
	}
	if end := f.Close(); err == nil {
		err = end
	}
	return size, err
}

// humanBytes is a size for a person, as 9.8 GiB.
func humanBytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, 0
	for value >= unit && name < 4 {
		value /= unit
		name++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[name])
}
