// Package config reads config.yaml and says, with file, line and column, what
// is wrong with it.
//
//	file ─ YAML nodes ─ structs by their key tags ─ names and routes linked ─► *File
//	          │                 │                            │
//	          └── every fault and warning, at the text it is about ──► Problems
//
// [Load] reads all that is botrelay's own and compiles the routes. What a
// sink's keys mean is known to the sink alone: it gets its part as a [Block],
// declares a struct with key tags, and calls [Block.Decode] and [Block.Errorf];
// its faults stand in the same list. So this package imports no sink.
//
// A struct that is decoded says everything about its keys: the tags give name,
// choices, least value and form, the values that stand in it before give the
// defaults. References (${env:NAME}, ${file:PATH}) are put in after the YAML is
// parsed, value by value, and what they hold is in no message.
//
// Nothing here starts a goroutine or watches a file: to read again is to call
// Load again. A File may be read by many goroutines once the sinks have decoded
// their blocks; until then it belongs to one.
package config
