package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	databaseFile = "botrelay.db"
	lockFile     = "botrelay.lock"
)

// makeFolder creates dir for its owner alone, with its parents, and puts each
// new name on stable storage.
func makeFolder(dir string) error {
	var missing []string
	for d := dir; ; d = filepath.Dir(d) {
		_, err := os.Stat(d)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return explainAccess(d, err)
		}
		missing = append(missing, d)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return explainAccess(dir, err)
		}
		if err := syncFolder(filepath.Dir(missing[i])); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	err = f.Sync()
	if last := f.Close(); err == nil {
		err = last
	}
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// lockFolder takes the folder for this process until the file is closed. A
// crash lets go of it.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explainAccess(dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, &InUseError{Dir: dir}
	}
	return nil, fmt.Errorf("lock %s: %w", filepath.Join(dir, lockFile), err)
}

// InUseError says that another process holds the store.
type InUseError struct{ Dir string }

// Error names the folder.
func (e *InUseError) Error() string { return e.Dir + " is in use by another relay" }

// explainAccess says what an operator can do about a folder that this process
// may not write to.
func explainAccess(dir string, err error) error {
	if notWritable(err) {
		return &NotWritableError{Dir: dir, Err: err}
	}
	return fmt.Errorf("open store %s: %w", dir, err)
}

func diskSpace(dir string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	size := int64(s.Bsize)
	return int64(s.Bavail) * size, int64(s.Blocks) * size, nil
}
