package sqlitestore

import (
	"fmt"
	"net/url"
	"time"

	"github.com/ncruces/go-sqlite3"

	"botrelay/relay/store"
)

// db is one connection with its prepared statements, for one goroutine at a
// time.
type db struct {
	*sqlite3.Conn
	prepared [statementCount]*sqlite3.Stmt
}

// How a connection is opened.
type access struct {
	path        string
	vfs         string
	synchronous string // FULL, but for the test that wants to see what less costs
	cacheKiB    int
	readOnly    bool
}

// openDB opens a connection. It writes nothing to the file: what a connection
// keeps in the file itself is the migration's affair.
func openDB(a access) (*db, error) {
	flags := sqlite3.OPEN_URI | sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE
	if a.readOnly {
		// A reader of a write-ahead log writes to the shared memory beside it,
		// so the file is opened for writing and query_only keeps to reading.
		flags = sqlite3.OPEN_URI | sqlite3.OPEN_READWRITE
	}
	where := url.URL{Scheme: "file", Path: a.path, RawQuery: url.Values{"vfs": {a.vfs}}.Encode()}
	conn, err := sqlite3.OpenFlags(where.String(), flags)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", a.path, err)
	}
	d := &db{Conn: conn}
	if err := d.configure(a); err != nil {
		_ = conn.Close() // the first error says what is wrong
		return nil, fmt.Errorf("open %s: %w", a.path, err)
	}
	return d, nil
}

// busyTimeout is how long a connection waits for another process that holds the
// database, a sqlite3 shell for example.
const busyTimeout = 10 * time.Second

func (d *db) configure(a access) error {
	if err := d.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	settings := fmt.Sprintf(`PRAGMA synchronous = %s; PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;`,
		a.synchronous, a.cacheKiB)
	if a.readOnly {
		settings += `PRAGMA query_only = ON;`
	}
	if err := d.Exec(settings); err != nil {
		return err
	}
	// SQLite swallows the errors of its own checkpoints.
	return d.WALAutoCheckpoint(0)
}

// stmt returns the prepared statement. It is reset whenever it is not being
// stepped through.
func (d *db) stmt(s statement) (*sqlite3.Stmt, error) {
	if st := d.prepared[s]; st != nil {
		return st, nil
	}
	st, _, err := d.PrepareFlags(statements[s], sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", statements[s], err)
	}
	d.prepared[s] = st
	return st, nil
}

// exec runs a statement that has no rows to look at.
func (d *db) exec(s statement, args ...any) error {
	st, err := d.stmt(s)
	if err != nil {
		return err
	}
	if err := bind(st, args...); err != nil {
		return err
	}
	return st.Exec()
}

// query yields the rows of a statement until row returns false. The row is
// valid until row returns.
func (d *db) query(s statement, row func(*sqlite3.Stmt) bool, args ...any) error {
	st, err := d.stmt(s)
	if err != nil {
		return err
	}
	if err := bind(st, args...); err != nil {
		return err
	}
	for st.Step() {
		if !row(st) {
			break
		}
	}
	err = st.Err()
	if again := st.Reset(); err == nil {
		err = again
	}
	return err
}

// get reads the number in the first row; ok is false when there is none or it
// is NULL.
func (d *db) get(s statement, args ...any) (value int64, ok bool, err error) {
	err = d.query(s, func(st *sqlite3.Stmt) bool {
		ok = st.ColumnType(0) != sqlite3.NULL
		value = st.ColumnInt64(0)
		return false
	}, args...)
	return value, ok && err == nil, err
}

// number reads one number with a statement that is used once.
func (d *db) number(sql string) (int64, error) {
	st, _, err := d.Prepare(sql)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	var value int64
	if st.Step() {
		value = st.ColumnInt64(0)
	}
	err = st.Err()
	if last := st.Close(); err == nil {
		err = last
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return value, nil
}

// bind sets the parameters of a statement, from the first on.
func bind(st *sqlite3.Stmt, args ...any) error {
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case int:
			err = st.BindInt64(i+1, int64(v))
		case store.State:
			err = st.BindInt64(i+1, int64(v))
		case int64:
			err = st.BindInt64(i+1, v)
		case bool:
			err = st.BindBool(i+1, v)
		case string:
			err = st.BindText(i+1, v)
		case []byte:
			err = st.BindBlob(i+1, v)
		default:
			err = fmt.Errorf("bind %T: no such column type", arg)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends the connection and its statements.
func (d *db) close() error {
	for _, st := range d.prepared {
		if err := st.Close(); err != nil {
			return err
		}
	}
	return d.Conn.Close()
}
