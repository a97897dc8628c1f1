package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Exists tells whether there is a store in dir. What cannot be looked at may be
// one: opening it says why not.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, databaseFile))
	return !errors.Is(err, fs.ErrNotExist)
}
