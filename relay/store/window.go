package store

// windowLimit is how many references to rows a sink keeps in memory; keyLimit
// how many of them one key may fill.
const (
	windowLimit = 4096
	keyLimit    = 32
)

// entry is one row in the window.
type entry struct {
	row  Row
	held bool   // its state in the table is held, not ready
	key  *key   // nil for a row on its own
	next *entry // of the same key
}

// key is what a lane knows about one ordering key: its rows in the window, in
// order of Pos, the one in flight, and whether others stay in the table.
type key struct {
	name        string
	first, last *entry
	length      int
	flight      *flight // in order and not settled yet

	blocked bool // in the set: it has, or may have, held or waiting rows
	waiting bool // one of its rows waits for its time; may be in flight
	doubt   bool // waiting has to be asked again
	queued  bool // it stands in lane.resume
	ahead   bool // it stands in lane.later
}

// idle tells that the key has nothing in memory that could be handed out.
func (k *key) idle() bool { return k.flight == nil && k.first == nil }

// window is the rows that may be handed out, and those behind them of the same
// key. Only the first of a key that has none in flight stands in the heap, so
// the top of the heap is the oldest that may go.
type window struct {
	heap   []*entry // by Pos
	length int      // entries of all keys, those outside the heap included
}

// append adds a row behind the others of its key.
func (w *window) append(e *entry) {
	w.length++
	k := e.key
	if k == nil {
		w.push(e)
		return
	}
	k.length++
	if k.first == nil {
		k.first, k.last = e, e
		if k.flight == nil {
			w.push(e)
		}
		return
	}
	k.last.next = e
	k.last = e
}

// restore puts a row that was taken out back before the others of its key,
// which has none in flight and none in the heap.
func (w *window) restore(e *entry) {
	w.length++
	w.push(e)
	k := e.key
	if k == nil {
		return
	}
	k.length++
	e.next = k.first
	k.first = e
	if k.last == nil {
		k.last = e
	}
}

// pop takes the oldest out. The next one of its key stays outside the heap
// until proceed is called for the key.
func (w *window) pop() *entry {
	e := w.heap[0]
	n := len(w.heap) - 1
	w.heap[0] = w.heap[n]
	w.heap[n] = nil
	w.heap = w.heap[:n]
	w.down()
	w.length--
	if k := e.key; k != nil {
		k.length--
		k.first = e.next
		if k.first == nil {
			k.last = nil
		}
		e.next = nil
	}
	return e
}

// proceed lets the first row of a key go, whose predecessor is settled.
func (w *window) proceed(k *key) { w.push(k.first) }

// clear takes the rows of a key out, which stand outside the heap but for the
// one in flight, and returns those that are not held yet.
func (w *window) clear(k *key) (ready []Row) {
	for e := k.first; e != nil; e = e.next {
		if !e.held {
			ready = append(ready, e.row)
		}
	}
	w.length -= k.length
	k.first, k.last, k.length = nil, nil, 0
	return ready
}

func (w *window) push(e *entry) {
	w.heap = append(w.heap, e)
	i := len(w.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if w.heap[parent].row.Pos <= e.row.Pos {
			break
		}
		w.heap[i] = w.heap[parent]
		i = parent
	}
	w.heap[i] = e
}

// down sinks the top of the heap to its place.
func (w *window) down() {
	n := len(w.heap)
	if n == 0 {
		return
	}
	e, i := w.heap[0], 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && w.heap[child+1].row.Pos < w.heap[child].row.Pos {
			child++
		}
		if e.row.Pos <= w.heap[child].row.Pos {
			break
		}
		w.heap[i] = w.heap[child]
		i = child
	}
	w.heap[i] = e
}
