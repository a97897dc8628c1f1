package sqlitestore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// diskVFS lets SQLite tell a full disk from a broken one. The driver reports
// any failed write as an I/O error, since it looks for an Errno and gets a
// PathError; here ENOSPC and EDQUOT become SQLITE_FULL, which undoes the
// transaction and leaves the store usable. Only writing is treated so: a sync
// that fails for want of space may have lost what it should have kept.
type diskVFS struct {
	vfs.VFS
	// failed is the last failure of the disk itself. SQLite passes on a code
	// alone; an operator wants to know the file and the cause.
	failed *atomic.Pointer[error]
}

// mount is a diskVFS under a name of its own: the driver finds a VFS by name.
type mount struct {
	name   string
	failed atomic.Pointer[error]
}

// mountVFS puts a diskVFS over base; nil is the machine's.
func mountVFS(base vfs.VFS) *mount {
	if base == nil {
		base = vfs.Find("")
	}
	m := &mount{name: "botrelay-" + rand.Text()}
	vfs.Register(m.name, diskVFS{base, &m.failed})
	return m
}

func (m *mount) unmount() { vfs.Unregister(m.name) }

// explain adds to an error of SQLite what the disk said.
func (m *mount) explain(err error) error {
	if cause := m.failed.Load(); cause != nil && natureOf(err) == broken {
		return fmt.Errorf("%w: %w", err, *cause)
	}
	return err
}

// OpenFilename creates what it has to create for its owner alone.
func (v diskVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if path := name.String(); path != "" && flags&vfs.OPEN_CREATE != 0 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return nil, flags, v.told(err)
		}
	}
	file, flags, err := vfsutil.WrapOpenFilename(v.VFS, name, flags)
	if err != nil {
		return nil, flags, v.told(err)
	}
	return &diskFile{file, v}, flags, nil
}

// told is what SQLite is told of a failure.
func (v diskVFS) told(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return sqlite3.FULL
	}
	if err != nil && !errors.Is(err, sqlite3.NOTFOUND) {
		v.failed.Store(&err)
	}
	return err
}

type diskFile struct {
	vfs.File
	v diskVFS
}

var (
	_ vfs.FileUnwrap       = (*diskFile)(nil)
	_ vfs.FileSharedMemory = (*diskFile)(nil)
	_ vfs.FileSizeHint     = (*diskFile)(nil)
	_ vfs.FilePersistWAL   = (*diskFile)(nil)
	_ vfs.FileHasMoved     = (*diskFile)(nil)
)

func (f *diskFile) Unwrap() vfs.File               { return f.File }
func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *diskFile) SizeHint(size int64) error      { return f.v.told(vfsutil.WrapSizeHint(f.File, size)) }
func (f *diskFile) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *diskFile) SetPersistWAL(keep bool)        { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f *diskFile) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
func (f *diskFile) Truncate(size int64) error      { return f.v.told(f.File.Truncate(size)) }

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if err != nil {
		err = f.v.told(err)
	}
	return n, err
}

func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	err := f.File.Sync(flags)
	if err != nil {
		f.v.failed.Store(&err)
	}
	return err
}

// DeviceCharacteristics hides batches of atomic writes, which this wrapper
// does not pass on.
func (f *diskFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.File.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

// notWritable tells whether err says that this process may not write there.
func notWritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
