// Package sinks is the table of sink types: it turns the sinks of a
// configuration into what the delivery loop serves.
//
//	config.File ─ NewPlan ─► Plan (faults go to the file's Problems) ─ Make ─► []relay.Destination
//
// A new type is a package below this one and a line in the table. Each type
// reads its own keys; the keys that every sink has become the settings of its
// Destination here.
package sinks
