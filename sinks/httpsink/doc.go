// Package httpsink is the sink type http: it posts the body of an event, byte
// for byte as it was received, to one address.
//
//	Delivery ─ headers, signature of this attempt ─ POST ─ dial check ─ answer ─► note or *relay.Fault
//
// What a receiver may rely on: the id is the same on every attempt, signature
// and timestamp are of this attempt (Standard Webhooks,
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md),
// Idempotency-Key is the id again.
//
// The client follows no redirect, keeps no cookie, reads no proxy from the
// environment, decompresses nothing and reads 64 KiB of an answer at most.
//
// # One attempt may send twice
//
// A server may close an idle connection just when a request goes out on it.
// net/http then repeats the request on another connection, within the same
// Send, because it carries an Idempotency-Key and the connection was used
// before: else each such race would cost an attempt and hold a bot up. It
// repeats only as long as no byte of an answer came, and never on a fresh
// connection. A receiver sees the same id twice, as after any retry.
package httpsink
