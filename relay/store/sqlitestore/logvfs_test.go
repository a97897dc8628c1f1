package sqlitestore

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// deed is something that a file system was asked to do, or an acknowledgement
// that was given meanwhile.
type deed struct {
	kind deedKind
	file string // base name
	off  int64  // of a write; the size of a truncation
	data []byte
	ack  string
}

type deedKind int

const (
	written deedKind = iota
	truncated
	synced
	deleted
	acknowledged
)

// logVFS remembers what is done to the files of one folder, and lets a test
// break some of it. It lies below the store's own VFS.
type logVFS struct {
	vfs.VFS
	mu    sync.Mutex
	deeds []deed
	keep  bool // deeds are remembered
	// fault is asked before a write, truncation or sync; an error is returned in
	// its place, and nothing is done.
	fault func(kind deedKind, file string) error
}

func newLogVFS(keep bool) *logVFS { return &logVFS{VFS: vfs.Find(""), keep: keep} }

func (v *logVFS) note(d deed) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keep {
		v.deeds = append(v.deeds, d)
	}
}

func (v *logVFS) fails(kind deedKind, file string) error {
	v.mu.Lock()
	f := v.fault
	v.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(kind, file)
}

func (v *logVFS) setFault(f func(deedKind, string) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fault = f
}

func (v *logVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := vfsutil.WrapOpenFilename(v.VFS, name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &logFile{f, v, filepath.Base(name.String())}, flags, nil
}

func (v *logVFS) Delete(name string, syncDir bool) error {
	err := v.VFS.Delete(name, syncDir)
	if err == nil {
		v.note(deed{kind: deleted, file: filepath.Base(name)})
	}
	return err
}

type logFile struct {
	vfs.File
	v    *logVFS
	name string
}

func (f *logFile) Unwrap() vfs.File               { return f.File }
func (f *logFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f *logFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.v.fails(written, f.name); err != nil {
		return 0, err
	}
	n, err := f.File.WriteAt(p, off)
	if err == nil {
		f.v.note(deed{kind: written, file: f.name, off: off, data: slices.Clone(p)})
	}
	return n, err
}

func (f *logFile) Truncate(size int64) error {
	if err := f.v.fails(truncated, f.name); err != nil {
		return err
	}
	err := f.File.Truncate(size)
	if err == nil {
		f.v.note(deed{kind: truncated, file: f.name, off: size})
	}
	return err
}

func (f *logFile) Sync(flags vfs.SyncFlag) error {
	if err := f.v.fails(synced, f.name); err != nil {
		return err
	}
	err := f.File.Sync(flags)
	if err == nil {
		f.v.note(deed{kind: synced, file: f.name})
	}
	return err
}

// disk is what lies on stable storage, and what was done to it since the last
// sync of each file.
type disk struct {
	files map[string][]byte
	loose map[string][]deed
}

func newDisk() *disk { return &disk{files: map[string][]byte{}, loose: map[string][]deed{}} }

// do takes one deed.
func (d *disk) do(x deed) {
	switch x.kind {
	case written, truncated:
		d.loose[x.file] = append(d.loose[x.file], x)
		if _, there := d.files[x.file]; !there {
			d.files[x.file] = nil // its name is there
		}
	case synced:
		for _, l := range d.loose[x.file] {
			d.files[x.file] = apply(d.files[x.file], l)
		}
		delete(d.loose, x.file)
	case deleted:
		delete(d.files, x.file)
		delete(d.loose, x.file)
	}
}

func apply(content []byte, x deed) []byte {
	if x.kind == truncated {
		if x.off < int64(len(content)) {
			return content[:x.off]
		}
		return append(content, make([]byte, x.off-int64(len(content)))...)
	}
	if end := x.off + int64(len(x.data)); end > int64(len(content)) {
		content = append(content, make([]byte, end-int64(len(content)))...)
	}
	copy(content[x.off:], x.data)
	return content
}

// sector is the most that a disk writes as a whole.
const sector = 512

// cut writes what a power cut leaves into folder: what was synced, and of the
// rest a random part, in any order, torn between sectors.
func (d *disk) cut(t *testing.T, rng *rand.Rand, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	chance := []float64{0, 0.3, 0.7, 1}[rng.IntN(4)]
	for name, content := range d.files {
		content = slices.Clone(content)
		for _, x := range d.loose[name] {
			switch {
			case x.kind == truncated:
				if rng.Float64() < chance {
					content = apply(content, x)
				}
			default:
				for from := 0; from < len(x.data); from += sector {
					if rng.Float64() < chance {
						part := x.data[from:min(from+sector, len(x.data))]
						content = apply(content, deed{kind: written, off: x.off + int64(from), data: part})
					}
				}
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
