package sqlitestore

import (
	"errors"
	"fmt"
	"os"

	"github.com/ncruces/go-sqlite3"
)

// DamagedError says that the database cannot be read where the store cannot do
// without it. The process must end; its message is the last line an operator
// sees, so it names the remedy.
type DamagedError struct {
	Dir string
	Err error
}

// Error names the remedy.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged; run: botrelay backup --salvage FOLDER, then put FOLDER where store points", e.Dir)
}

// Unwrap is what SQLite said.
func (e *DamagedError) Unwrap() error { return e.Err }

// NotWritableError says that this process may not write to the store's folder.
// Its message is the line that an operator sees.
type NotWritableError struct {
	Dir string
	Err error
}

// Error names the remedy.
func (e *NotWritableError) Error() string {
	uid := os.Getuid()
	return fmt.Sprintf("%s is not writable by uid %d (chown %d it, or use a named volume)", e.Dir, uid, uid)
}

// Unwrap is what the system said.
func (e *NotWritableError) Unwrap() error { return e.Err }

// nature is what an error of SQLite means for the store.
type nature int

const (
	ok      nature = iota
	full           // no room: undone, to be tried again
	busy           // another process writes: undone, to be tried again
	oneItem        // the content of one item: it alone is at fault
	damaged        // what is stored cannot be read
	broken         // the disk: the process must end
)

// errNotUndone says that a transaction is neither committed nor undone: nobody
// knows then what the next one would commit.
var errNotUndone = errors.New("undo a transaction")

// natureOf classes err. What it does not know is broken: it is safer to end
// than to acknowledge.
func natureOf(err error) nature {
	if err == nil {
		return ok
	}
	if errors.Is(err, errNotUndone) {
		return broken
	}
	if errors.Is(err, sqlite3.IOERR_SHMSIZE) {
		return full
	}
	code, known := errors.AsType[sqlite3.ErrorCode](err)
	if e, yes := errors.AsType[*sqlite3.Error](err); yes {
		code, known = e.Code(), true
	} else if x, yes := errors.AsType[sqlite3.ExtendedErrorCode](err); yes {
		code, known = x.Code(), true
	}
	if !known {
		return oneItem
	}
	switch code {
	case sqlite3.FULL:
		return full
	case sqlite3.BUSY, sqlite3.LOCKED:
		return busy
	case sqlite3.CORRUPT, sqlite3.NOTADB:
		return damaged
	case sqlite3.CONSTRAINT, sqlite3.TOOBIG, sqlite3.MISMATCH, sqlite3.RANGE, sqlite3.ERROR:
		return oneItem
	}
	return broken
}
