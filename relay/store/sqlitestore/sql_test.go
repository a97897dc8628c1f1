package sqlitestore

import (
	"strings"
	"testing"
)

// mayScan are the statements that read a whole table or index, and why they
// may.
var mayScan = map[statement]string{
	sqlSinks:      "a row for each sink, at the start",
	sqlEventCount: "a backup counts its copy",
	sqlSeenAny:    "stops at the first row",
	sqlSeenAll:    "salvage",
	sqlMemoryAll:  "salvage",
}

// plan reads what SQLite will do.
func plan(t *testing.T, d *db, sql string) (lines []string) {
	t.Helper()
	st, _, err := d.Prepare(`EXPLAIN QUERY PLAN ` + sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer st.Close()
	for st.Step() {
		lines = append(lines, st.ColumnText(3))
	}
	if err := st.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return lines
}

func TestEveryStatementUsesAnIndex(t *testing.T) {
	s, stop := open(t, Options{Dir: t.TempDir()})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, s)
	for q, sql := range statements {
		if sql == "" {
			t.Errorf("statement %d has no text", q)
			continue
		}
		if strings.HasPrefix(sql, "PRAGMA") {
			continue
		}
		for _, line := range plan(t, d, sql) {
			_, may := mayScan[statement(q)]
			ordered := strings.Contains(line, "USING") && strings.Contains(sql, "ORDER BY") // walks in order, and is left early
			if strings.HasPrefix(line, "SCAN") && !may && !ordered && !strings.HasPrefix(line, "SCAN CONSTANT ROW") && !isPrimaryWalk(sql, line) {
				t.Errorf("%s\n\tscans: %s", sql, line)
			}
			if strings.Contains(line, "TEMP B-TREE") {
				t.Errorf("%s\n\tsorts: %s", sql, line)
			}
		}
	}
}

// isPrimaryWalk tells whether a statement reads the first rows of a table by
// its primary key.
func isPrimaryWalk(sql, line string) bool {
	return line == "SCAN event" && strings.Contains(sql, "ORDER BY seq") && strings.Contains(sql, "LIMIT 1")
}

// The order of handing out lives on these indexes: each question has its own.
func TestQuestionsUseTheirPartialIndex(t *testing.T) {
	s, stop := open(t, Options{Dir: t.TempDir()})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d := reopen(t, s)
	for q, want := range map[statement]string{
		sqlReady:        "USING INDEX delivery_ready (sink=? AND pos>?)",
		sqlHeld:         "USING COVERING INDEX delivery_blocked (sink=? AND key=? AND state=? AND pos>?)",
		sqlWaitingKey:   "USING COVERING INDEX delivery_blocked (sink=? AND key=? AND state=?)",
		sqlNextKey:      "USING COVERING INDEX delivery_blocked (sink=? AND key>?)",
		sqlDue:          "USING INDEX delivery_due (sink=?)",
		sqlClampDue:     "USING INDEX delivery_due (sink=? AND due>?)",
		sqlFirstReady:   "USING COVERING INDEX delivery_ready (sink=?)",
		sqlFirstHeld:    "USING COVERING INDEX delivery_blocked (sink=?)",
		sqlFirstWaiting: "USING COVERING INDEX delivery_due (sink=?)",
		sqlAllReady:     "USING COVERING INDEX delivery_ready (sink>?)",
		sqlAllDead:      "USING COVERING INDEX delivery_dead (sink>?)",
		sqlDeadDown:     "USING INDEX delivery_dead (sink=? AND ended<?)",
		sqlTroubleDown:  "USING INDEX event_trouble (seq<?)",
		sqlTroubleUp:    "USING INDEX event_trouble (seq>?)",
		sqlNextSource:   "USING COVERING INDEX event_id (source>?)",
		sqlNextBot:      "USING COVERING INDEX event_bot (source=? AND bot>?)",
		sqlBotEvents:    "USING INDEX event_bot (source=? AND bot=?)",
		sqlLoad:         "USING PRIMARY KEY (seq=? AND sink=?)",
		sqlSettleFirst:  "USING PRIMARY KEY (seq=? AND sink=?)",
		sqlSeenExpire:   "USING COVERING INDEX seen_day (day<?)",
		sqlMemoryExpire: "USING COVERING INDEX memory_until (until>? AND until<?)",
	} {
		if lines := plan(t, d, statements[q]); !strings.Contains(strings.Join(lines, "\n"), want) {
			t.Errorf("%s\n\tplan %q\n\twant %q", statements[q], lines, want)
		}
	}
}

// reopen opens a plain connection to the database of a store that is closed.
func reopen(t *testing.T, s *Store) *db {
	t.Helper()
	a := s.access(1<<10, false)
	a.vfs = "os"
	d, err := openDB(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
