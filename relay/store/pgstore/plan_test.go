package pgstore

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fill makes a database of some size: 20,000 events for two sinks, most of them
// finished.
const fill = `
INSERT INTO botrelay.sink (name) VALUES ('lake'), ('bots');
INSERT INTO botrelay.event SELECT n, 'recall', 'msg_' || n, n, 'recall/b' || n % 900, CASE WHEN n % 2 = 0 THEN 'b' || n % 900 END,
	'bot.done', 'done', '', '', CASE WHEN n % 400 = 0 THEN 'cut' ELSE '' END, '\x00', '\x00', '\x00'
	FROM generate_series(1, 20000) n;
INSERT INTO botrelay.delivery SELECT n, s, n, 'recall/b' || n % 900, '',
	CASE WHEN n % 20 < 16 THEN 3 WHEN n % 20 = 16 THEN 4 ELSE n % 20 - 17 END, n, 0, 0, 0, n, n % 200 = 19, 0, NULL
	FROM generate_series(1, 20000) n, unnest(ARRAY['lake', 'bots']) s;
INSERT INTO botrelay.seen SELECT 'recall', 'old_' || n, '\x00', n / 100 FROM generate_series(1, 5000) n;
INSERT INTO botrelay.memory SELECT 'slack', convert_to('k' || n, 'UTF8'), '\x00', n % 2 * n FROM generate_series(1, 5000) n;
SELECT setval('botrelay.number', 20001);`

// plans are the statements that are no CALL, with arguments, and the index that
// each lives on.
var plans = map[string]struct {
	sql  string
	args []any
	want string
}{
	"sqlReady":          {sqlReady, []any{"lake", int64(10000), 100}, "Index Scan using delivery_ready"},
	"sqlHeld":           {sqlHeld, []any{"lake", "recall/b18", int64(0), 32}, "using delivery_blocked"},
	"sqlWaitingKey":     {sqlWaitingKey, []any{"lake", "recall/b19"}, "using delivery_blocked"},
	"sqlDue":            {sqlDue, []any{"lake", int64(-1), int64(-1), 100}, "Index Scan using delivery_due"},
	"sqlBlocked":        {sqlBlocked, []any{"lake", "", 16, 1}, "using delivery_blocked"},
	"sqlFirst":          {sqlFirst, []any{"lake", int64(0)}, "using delivery_ready"},
	"sqlFirstReady":     {sqlFirstReady, []any{"lake", int64(5)}, "using delivery_ready"},
	"sqlLoad":           {sqlLoad, []any{"lake", "me", int64(1), []int64{17, 37}, []int64{17, 37}, int64(4 << 20)}, "using delivery_pkey"},
	"sqlSinks":          {sqlSinks, nil, ""},
	"sqlFormat":         {sqlFormat, nil, ""},
	"sqlMemoryGet":      {sqlMemoryGet, []any{[]byte("slack"), []byte("k1")}, "using memory_pkey"},
	"sqlMemoryList":     {sqlMemoryList, []any{[]byte("slack"), []byte("k1"), 256}, "memory_pkey"},
	"sqlNumber":         {sqlNumber, nil, ""},
	"sqlUnfinished":     {sqlUnfinished, []any{"lake", int64(20001), 65536}, "delivery_ready"},
	"sqlEventByID":      {sqlEventByID, []any{"recall", "msg_7"}, "using event_id"},
	"sqlEventStates":    {sqlEventStates, []any{int64(7)}, "delivery_pkey"},
	"sqlStatesOf":       {sqlStatesOf, []any{[]int64{7, 8, 9}}, "delivery_pkey"},
	"sqlBotEvents":      {sqlBotEvents, []any{"recall", "b8"}, "event_bot"},
	"sqlNextSource":     {sqlNextSource, []any{""}, "using event_id"},
	"sqlBots":           {sqlBots, []any{"recall", "b8", 10}, "using event_bot"},
	"sqlEventsDown":     {sqlEventsDown, []any{int64(1000), 16}, "Backward using event_pkey"},
	"sqlEventsUp":       {sqlEventsUp, []any{int64(1000), 16}, "using event_pkey"},
	"sqlTroubleDown":    {sqlTroubleDown, []any{int64(10000), 16}, "Backward using event_trouble"},
	"sqlTroubleUp":      {sqlTroubleUp, []any{int64(10000), 16}, "using event_trouble"},
	"sqlBounds":         {sqlBounds, nil, "using event_pkey"},
	"sqlSeqBefore":      {sqlSeqBefore, []any{int64(500)}, "Backward using event_pkey"},
	"sqlEventsOf":       {sqlEventsOf, []any{[]int64{7, 8, 9}}, "event_pkey"},
	"sqlDeliveriesDown": {sqlDeliveriesDown, []any{int64(1000), "lake", 16}, "Backward using delivery_pkey"},
	"sqlDeadDown":       {sqlDeadDown, []any{"lake", int64(5000), int64(5000), 16}, "using delivery_dead"},
	"sqlCounts":         {sqlCounts, nil, "delivery_ready"},
}

// elsewhere are statements about the server, not the store's tables.
var elsewhere = []string{"sqlServer", "sqlStandbys", "sqlSize", "sqlListen", "sqlSchemaState", "sqlLockMigrations"}

// scans finds what reads a whole table of some size, or a whole index of it
// where the statement does not go through it in order and leave early.
var scans = regexp.MustCompile(`Seq Scan on (?:botrelay\.)?(event|delivery|seen|memory)\b|Scan using \w+ on (event|delivery|seen|memory)\b[^\n]*\n\s+(Filter|->)`)

// filled is such a database, with statistics or as it is after a burst into
// empty tables.
func filled(t *testing.T, analyzed bool) string {
	t.Helper()
	url := server.Get(t).Database(t)
	s, err := Open(t.Context(), Options{URL: url, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	text := fill
	if analyzed {
		text += "ANALYZE;"
	}
	if _, err := conn.Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return url
}

func TestEveryStatementUsesItsIndex(t *testing.T) {
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%v", analyzed), func(t *testing.T) { checkStatements(t, filled(t, analyzed)) })
	}
}

func checkStatements(t *testing.T, url string) {
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for name, p := range plans {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+p.sql, append([]any{pgx.QueryExecModeDescribeExec}, p.args...)...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan := strings.Join(lines, "\n")
		if found := scans.FindString(plan); found != "" || !strings.Contains(plan, p.want) {
			t.Errorf("%s: want %q and no scan of a whole table; the plan is\n%s", name, p.want, plan)
		}
	}
}

// Each statement of the package stands in the list above, or is a CALL, whose
// statements the next test looks at.
func TestThePlansAreComplete(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		n += checkListed(t, file)
	}
	if n < 40 {
		t.Errorf("only %d statements were found", n)
	}
}

// checkListed looks for the statements of a file in the lists of this test.
func checkListed(t *testing.T, file *ast.File) (n int) {
	ast.Inspect(file, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if !is {
			return true
		}
		for i, name := range spec.Names {
			if !strings.HasPrefix(name.Name, "sql") || i >= len(spec.Values) {
				continue
			}
			n++
			literal, _ := spec.Values[i].(*ast.BasicLit)
			called := literal != nil && strings.HasPrefix(literal.Value, "`CALL ")
			_, listed := plans[name.Name]
			if !listed && !called && !strings.Contains(strings.Join(elsewhere, " "), name.Name) {
				t.Errorf("%s is in no list of this test", name.Name)
			}
		}
		return true
	})
	return n
}

// calls run every procedure once, with something to do.
var calls = []struct {
	sql  string
	args []any
}{
	{sqlAppend, []any{
		[]string{"recall", "recall"}, []string{"new", "msg_3"}, []int64{1, 1}, []string{"k", "k"}, []string{"b8", ""}, []string{"e", "e"},
		[]string{"", ""}, []string{"", ""}, []string{"", ""}, []string{"", ""}, [][]byte{{0}, {0}}, [][]byte{{0}, {0}}, [][]byte{{0}, {1}},
		[]int32{0, 1}, []string{"lake", "lake"}, []string{"k", "k"}, []string{"", ""}, []int64{0, 0}, []string{"new"}, []string{"lake"},
	}},
	{sqlTake, []any{"me", []string{"lake"}, []string{""}, []int64{0}, []int64{0}, []int64{5}}},
	{sqlRenew, []any{"me", []string{"lake"}, []int64{5}, []int64{3}}},
	{sqlSettle, []any{
		"lake", "me", int64(5), int64(9), true, []int64{17, 37}, []int64{17, 37}, []int16{3, 2}, []int64{0, 50}, []int32{1, 1},
		[]int64{0, 1}, []int64{1, 1}, []bool{false, true}, [][]byte{{1}, {2}}, []int64{57}, []int64{57},
	}},
	{sqlClear, []any{"me", []string{"lake"}, []int64{5}}},
	{sqlClamp, []any{[]string{"lake", "bots"}, int64(5), int64(19000)}},
	{sqlPut, []any{[]byte("slack"), []byte("k5"), []byte("v"), int64(0)}},
	{sqlPut, []any{[]byte("slack"), []byte("k5"), nil, int64(0)}},
	{sqlRequeue, []any{[]string{"recall", "recall"}, []string{"msg_1", "msg_2"}, []string{"lake", "other"}, []string{"", "r"}, int64(5)}},
	{sqlDrop, []any{[]string{"recall"}, []string{"msg_17"}, []string{"bots"}, int64(5)}},
	{sqlMove, []any{"bots", "lake", []int64{57, 77}, []int64{57, 77}, int64(5), []byte{1}}},
	{sqlPause, []any{"lake", true}},
	{sqlExpire, []any{int64(50), int32(3)}},
	{sqlRetain, []any{200, int64(20000), int64(10), int64(10), int64(0)}},
}

// A procedure hides the plans of its statements; the server tells them.
func TestEveryProcedureUsesItsIndexes(t *testing.T) {
	for _, analyzed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%v", analyzed), func(t *testing.T) { checkProcedures(t, filled(t, analyzed)) })
	}
}

func checkProcedures(t *testing.T, url string) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { told = append(told, n.Message) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, setting := range []string{
		"LOAD 'auto_explain'", "SET auto_explain.log_min_duration = 0", "SET auto_explain.log_nested_statements = on", "SET client_min_messages = log",
	} {
		if _, err := conn.Exec(t.Context(), setting); err != nil {
			t.Skipf("%s: %v (Debian: postgresql has it)", setting, err)
		}
	}
	// Over and over: after five times a procedure may keep a plan for all values.
	for range 7 {
		for _, c := range calls {
			told = told[:0]
			tag, err := conn.Exec(t.Context(), c.sql, append([]any{pgx.QueryExecModeDescribeExec}, c.args...)...)
			if err != nil {
				t.Fatalf("%s: %v", c.sql, err)
			}
			plan := strings.Join(told, "\n")
			if found := scans.FindString(plan); found != "" {
				t.Errorf("%s: %s in\n%s", c.sql, found, plan)
			}
			if !strings.Contains(plan, "Query Text") {
				t.Errorf("%s: the server told no plan, %s", c.sql, tag)
			}
		}
	}
}

func TestAutovacuumOfDeliveries(t *testing.T) {
	url := filled(t, false)
	options := strings.Join(ask[[]string](t, url, `SELECT reloptions FROM pg_class WHERE oid = 'botrelay.delivery'::regclass`), " ")
	for _, want := range []string{"autovacuum_vacuum_scale_factor=0.01", "autovacuum_vacuum_threshold=10000", "autovacuum_analyze_scale_factor=0.05"} {
		if !strings.Contains(options, want) {
			t.Errorf("the table has %s, want %s", options, want)
		}
	}
}
