package sqlitestore

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
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
type diskVFS struct{ vfs.VFS }

// registerVFS puts a diskVFS over base under a name of its own. The driver
// finds a VFS by name alone; unregister takes it out again.
func registerVFS(base vfs.VFS) (name string, unregister func()) {
	if base == nil {
		base = vfs.Find("")
	}
	name = "botrelay-" + rand.Text()
	vfs.Register(name, diskVFS{base})
	return name, func() { vfs.Unregister(name) }
}

// OpenFilename creates what it has to create for its owner alone.
func (v diskVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if path := name.String(); path != "" && flags&vfs.OPEN_CREATE != 0 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return nil, flags, asFull(err)
		}
	}
	file, flags, err := vfsutil.WrapOpenFilename(v.VFS, name, flags)
	if err != nil {
		return nil, flags, asFull(err)
	}
	return &diskFile{file}, flags, nil
}

type diskFile struct{ vfs.File }

var (
	_ vfs.FileUnwrap       = (*diskFile)(nil)
	_ vfs.FileSharedMemory = (*diskFile)(nil)
	_ vfs.FileSizeHint     = (*diskFile)(nil)
	_ vfs.FilePersistWAL   = (*diskFile)(nil)
	_ vfs.FileHasMoved     = (*diskFile)(nil)
)

func (f *diskFile) Unwrap() vfs.File               { return f.File }
func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *diskFile) SizeHint(size int64) error      { return asFull(vfsutil.WrapSizeHint(f.File, size)) }
func (f *diskFile) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *diskFile) SetPersistWAL(keep bool)        { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f *diskFile) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
func (f *diskFile) Truncate(size int64) error      { return asFull(f.File.Truncate(size)) }

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, asFull(err)
}

// DeviceCharacteristics hides batches of atomic writes, which this wrapper
// does not pass on.
func (f *diskFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.File.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

func asFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return sqlite3.FULL
	}
	return err
}

// notWritable tells whether err says that this process may not write there.
func notWritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
