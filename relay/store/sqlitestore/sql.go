package sqlitestore

// statement names one prepared SQL statement. Every statement of the store
// stands in the table below, so that a test can read the plan of each.
type statement int

const (
	sqlBegin statement = iota
	sqlBeginRead
	sqlCommit
	sqlRollback
	sqlPageCount
	sqlFreePages
	sqlReadNext
	sqlWriteNext
	sqlInsertEvent
	sqlInsertDelivery
	sqlSeenHas
	sqlEventByID
	sqlFindEvent
	sqlEventKey
	sqlAddSink
	sqlSinks
	sqlSinkPaused
	sqlSinkTurn
	sqlSinkLastOK
	sqlSettleFirst
	sqlDeliveryState
	sqlSettle
	sqlHold
	sqlLoad
	sqlDelivery
	sqlReady
	sqlHeld
	sqlWaitingKey
	sqlDue
	sqlNextKey
	sqlFirstReady
	sqlFirstHeld
	sqlFirstWaiting
	sqlAllReady
	sqlAllHeld
	sqlAllWaiting
	sqlAllDead
	sqlOldestOpen
	sqlEventBySeq
	sqlEventStates
	sqlEventsDown
	sqlTroubleDown
	sqlTroubleUp
	sqlNextSource
	sqlNextBot
	sqlSeqBefore
	sqlBotEvents
	sqlDeliveriesDown
	sqlDeadDown
	sqlInsertReplay
	sqlReplay
	sqlDueNow
	sqlEnd
	sqlMemoryGet
	sqlMemoryPut
	sqlMemoryDelete
	sqlMemoryList
	sqlMemoryExpire
	sqlEventsUp
	sqlEventFinals
	sqlEventRaw
	sqlDeleteDeliveries
	sqlDeleteEvent
	sqlInsertSeen
	sqlSeenAny
	sqlSeenExpire
	sqlClampDue
	sqlLowestSeq
	sqlHighestSeq
	sqlEventCount
	sqlSeenAll
	sqlMemoryAll
	sqlIntegrity
	sqlEventsFrom
	sqlCopyDelivery
	statementCount
)

// The conditions of the partial indexes, with the states as literals: SQLite
// uses such an index only for a query that repeats its condition, and never with
// a parameter in it.
const (
	whereReady   = ` state = 0 `
	whereBlocked = ` state IN (1, 2) AND key <> '' AND out_of_order = 0 `
	whereWaiting = ` state = 2 `
	whereDead    = ` state = 4 `
	whereTrouble = ` trouble <> '' `

	eventColumns    = ` e.seq, e.source, e.id, e.received, e.key, e.fields, e.raw, e.body, e.sum, e.trouble `
	deliveryColumns = ` d.sink, d.pos, d.key, d.route, d.state, d.due, d.attempts, d.waited, d.first, d.ended, d.out_of_order, d.replay, d.tries `
)

// statements is read only.
var statements = [statementCount]string{
	sqlBegin:     `BEGIN IMMEDIATE`,
	sqlBeginRead: `BEGIN`,
	sqlCommit:    `COMMIT`,
	sqlRollback:  `ROLLBACK`,
	sqlPageCount: `PRAGMA page_count`,
	sqlFreePages: `PRAGMA freelist_count`,
	sqlReadNext:  `SELECT value FROM meta WHERE name = 'next'`,
	sqlWriteNext: `UPDATE meta SET value = ?1 WHERE name = 'next'`,

	sqlInsertEvent: `INSERT INTO event (seq, source, id, received, key, bot, event, code, sub_code, side, trouble, sum, fields, raw, body)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (source, id) DO NOTHING`,
	sqlInsertDelivery: `INSERT INTO delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay)
		VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?6, 0, 0, 0, 0, 0, 0)`,
	sqlSeenHas:   `SELECT body FROM seen WHERE source = ?1 AND id = ?2`,
	sqlEventByID: `SELECT` + eventColumns + `FROM event e WHERE e.source = ?1 AND e.id = ?2`,
	sqlEventKey:  `SELECT key FROM event WHERE seq = ?1`,
	sqlFindEvent: `SELECT seq, key, raw IS NOT NULL FROM event WHERE source = ?1 AND id = ?2`,

	sqlAddSink:    `INSERT INTO sink (name) VALUES (?1) ON CONFLICT DO NOTHING`,
	sqlSinks:      `SELECT name, paused, turn, last_ok FROM sink`,
	sqlSinkPaused: `UPDATE sink SET paused = ?2 WHERE name = ?1`,
	sqlSinkTurn:   `UPDATE sink SET turn = turn + 1 WHERE name = ?1`,
	sqlSinkLastOK: `UPDATE sink SET last_ok = ?2 WHERE name = ?1`,

	// The first try of a delivery that nothing held up: nothing to read before.
	sqlSettleFirst: `UPDATE delivery SET state = ?4, attempts = 1, first = ?5, ended = ?6, tries = ?7
		WHERE seq = ?1 AND sink = ?2 AND pos = ?3 AND state = 0 AND first = 0 AND tries IS NULL`,
	sqlDeliveryState: `SELECT` + deliveryColumns + `FROM delivery d WHERE d.seq = ?1 AND d.sink = ?2`,
	sqlSettle: `UPDATE delivery SET state = ?4, due = ?5, attempts = ?6, waited = ?7, first = ?8, ended = ?9, out_of_order = ?10, tries = ?11
		WHERE seq = ?1 AND sink = ?2 AND pos = ?3`,
	sqlHold: `UPDATE delivery SET state = 1 WHERE seq = ?1 AND sink = ?2 AND pos = ?3 AND state = 0`,

	sqlLoad: `SELECT` + eventColumns + `,` + deliveryColumns + `FROM delivery d LEFT JOIN event e ON e.seq = d.seq
		WHERE d.seq = ?1 AND d.sink = ?2 AND d.pos = ?3 AND d.state IN (0, 1, 2)`,
	sqlDelivery: `SELECT` + deliveryColumns + `FROM delivery d WHERE d.seq = ?1 AND d.sink = ?2 AND d.pos = ?3 AND d.state IN (0, 1, 2)`,

	sqlReady:      `SELECT seq, pos, key FROM delivery WHERE sink = ?1 AND pos > ?2 AND` + whereReady + `ORDER BY pos LIMIT ?3`,
	sqlHeld:       `SELECT seq, pos FROM delivery WHERE sink = ?1 AND key = ?2 AND state = 1 AND pos > ?3 AND` + whereBlocked + `ORDER BY pos LIMIT ?4`,
	sqlWaitingKey: `SELECT 1 FROM delivery WHERE sink = ?1 AND key = ?2 AND state = 2 AND` + whereBlocked + `LIMIT 1`,
	sqlDue:        `SELECT seq, pos, key, due FROM delivery WHERE sink = ?1 AND` + whereWaiting + `ORDER BY due, pos`,
	sqlNextKey:    `SELECT key FROM delivery WHERE sink = ?1 AND key > ?2 AND` + whereBlocked + `ORDER BY key LIMIT 1`,

	sqlFirstReady:   `SELECT pos FROM delivery WHERE sink = ?1 AND` + whereReady + `ORDER BY pos LIMIT 1`,
	sqlFirstHeld:    `SELECT min(pos) FROM delivery WHERE sink = ?1 AND` + whereBlocked,
	sqlFirstWaiting: `SELECT min(pos) FROM delivery WHERE sink = ?1 AND` + whereWaiting,

	sqlAllReady:   `SELECT sink, seq, pos FROM delivery INDEXED BY delivery_ready WHERE sink >= ?1 AND` + whereReady,
	sqlAllHeld:    `SELECT sink, seq, pos FROM delivery INDEXED BY delivery_blocked WHERE sink >= ?1 AND state = 1 AND` + whereBlocked,
	sqlAllWaiting: `SELECT sink, seq, pos, attempts FROM delivery INDEXED BY delivery_due WHERE sink >= ?1 AND` + whereWaiting,
	sqlAllDead:    `SELECT sink, count(*) FROM delivery INDEXED BY delivery_dead WHERE sink >= ?1 AND` + whereDead + `GROUP BY sink`,
	sqlOldestOpen: `SELECT e.received FROM delivery d JOIN event e ON e.seq = d.seq
		WHERE d.seq BETWEEN ?2 AND ?3 AND d.sink = ?1 AND d.state IN (0, 1, 2) ORDER BY d.seq LIMIT 1`,

	sqlEventBySeq:     `SELECT` + eventColumns + `FROM event e WHERE e.seq = ?1`,
	sqlEventStates:    `SELECT` + deliveryColumns + `FROM delivery d WHERE d.seq = ?1`,
	sqlEventsDown:     `SELECT` + eventColumns + `FROM event e WHERE e.seq <= ?1 ORDER BY e.seq DESC`,
	sqlTroubleDown:    `SELECT` + eventColumns + `FROM event e INDEXED BY event_trouble WHERE e.seq <= ?1 AND` + whereTrouble + `ORDER BY e.seq DESC`,
	sqlTroubleUp:      `SELECT` + eventColumns + `FROM event e INDEXED BY event_trouble WHERE e.seq >= ?1 AND` + whereTrouble + `ORDER BY e.seq`,
	sqlNextSource:     `SELECT source FROM event WHERE source > ?1 ORDER BY source LIMIT 1`,
	sqlNextBot:        `SELECT bot FROM event WHERE source = ?1 AND bot >= ?2 AND bot IS NOT NULL ORDER BY bot LIMIT 1`,
	sqlSeqBefore:      `SELECT seq, received FROM event WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1`,
	sqlBotEvents:      `SELECT` + eventColumns + `FROM event e WHERE e.source = ?1 AND e.bot = ?2 AND e.bot IS NOT NULL ORDER BY e.seq`,
	sqlDeliveriesDown: `SELECT d.seq,` + deliveryColumns + `FROM delivery d WHERE d.seq <= ?1 ORDER BY d.seq DESC, d.sink DESC`,
	sqlDeadDown:       `SELECT d.seq,` + deliveryColumns + `FROM delivery d WHERE d.sink = ?1 AND d.ended <= ?2 AND d.state = 4 ORDER BY d.ended DESC, d.seq DESC`,

	sqlInsertReplay: `INSERT INTO delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay)
		VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0, 0, 0, 0, 1)`,
	sqlReplay: `UPDATE delivery SET state = 0, pos = ?3, key = ?4, due = 0, attempts = 0, waited = 0, first = 0, ended = 0, out_of_order = 0, replay = replay + 1,
		route = iif(?5 = '', route, ?5)
		WHERE seq = ?1 AND sink = ?2`,
	sqlDueNow: `UPDATE delivery SET due = ?3 WHERE seq = ?1 AND sink = ?2`,
	sqlEnd:    `UPDATE delivery SET state = 5, due = 0, ended = ?3, tries = ?4 WHERE seq = ?1 AND sink = ?2`,

	sqlMemoryGet:    `SELECT value, until FROM memory WHERE owner = ?1 AND key = ?2`,
	sqlMemoryPut:    `INSERT INTO memory (owner, key, value, until) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, until = excluded.until`,
	sqlMemoryDelete: `DELETE FROM memory WHERE owner = ?1 AND key = ?2`,
	sqlMemoryList:   `SELECT key, value, until FROM memory WHERE owner = ?1 AND key >= ?2 ORDER BY key`,
	sqlMemoryExpire: `DELETE FROM memory WHERE (owner, key) IN (SELECT owner, key FROM memory WHERE until > 0 AND until < ?1 LIMIT 200)`,

	sqlEventsUp:         `SELECT seq, source, id, received, trouble <> '', raw IS NOT NULL, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2`,
	sqlEventFinals:      `SELECT sink, state, ended FROM delivery WHERE seq = ?1`,
	sqlEventRaw:         `SELECT raw FROM event WHERE seq = ?1`,
	sqlDeleteDeliveries: `DELETE FROM delivery WHERE seq = ?1`,
	sqlDeleteEvent:      `DELETE FROM event WHERE seq = ?1`,
	sqlInsertSeen:       `INSERT INTO seen (source, id, body, day) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING`,
	sqlSeenAny:          `SELECT EXISTS (SELECT 1 FROM seen)`,
	sqlSeenExpire:       `DELETE FROM seen WHERE (source, id) IN (SELECT source, id FROM seen WHERE day < ?1 LIMIT 200)`,
	sqlClampDue: `UPDATE delivery SET due = ?2 WHERE sink = ?1 AND due > ?3 AND` + whereWaiting + `
		AND (attempts > 0 OR (SELECT received FROM event e WHERE e.seq = delivery.seq) > ?2)`,

	sqlLowestSeq:  `SELECT seq FROM event ORDER BY seq LIMIT 1`,
	sqlHighestSeq: `SELECT seq FROM event ORDER BY seq DESC LIMIT 1`,
	sqlEventCount: `SELECT count(*) FROM event`,
	sqlSeenAll:    `SELECT source, id, body, day FROM seen`,
	sqlMemoryAll:  `SELECT owner, key, value, until FROM memory`,
	sqlIntegrity:  `PRAGMA integrity_check(1)`,
	sqlEventsFrom: `SELECT` + eventColumns + `FROM event e WHERE e.seq >= ?1 ORDER BY e.seq`,
	sqlCopyDelivery: `INSERT INTO delivery (seq, sink, pos, key, route, state, due, attempts, waited, first, ended, out_of_order, replay, tries)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)`,
}
