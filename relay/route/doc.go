// Package route decides which sinks an event goes to.
//
// The configuration hands over rules; [Compile] turns them into a [Table],
// which never changes afterwards and is shared by all goroutines. A table
// looks each field of an event up once, however many rules ask for it, and
// reads the body only if a rule matches on data.PATH.
//
// The rules of matching are those of the user's manual: all conditions of a
// block must hold, any of several blocks will do, every matching rule counts,
// and a sink gets an event once, through the first rule that names it.
package route
