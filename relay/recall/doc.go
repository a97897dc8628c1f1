// Package recall knows what Recall.ai sends: the shapes of its webhook bodies,
// the meaning of its sub codes, and the life of a bot.
//
//	raw body ─ Normalise ─► relay.Fields ─ stored ─► Fold over one bot's events ─► Life
//	              │ side, platform
//	          catalogue (Lookup) ─► words of an alert
//
// [Normalise] reads the few fields that botrelay needs out of a verified body,
// the same for both generations of bodies, or says why it cannot be understood.
// [Fold] computes a bot's state from its events, in whatever order they came.
// [Lookup] answers from one table in code what a sub code means and whose turn
// it is. [Events], [StatusCodes] and [Samples] say what is documented, so that a
// configuration can be checked before anything arrives.
//
// Event names, codes and sub codes are open sets: Recall adds to them without
// notice. Nothing here refuses an unknown one.
//
// Everything is pure and safe for concurrent use. Sources of the facts:
// https://docs.recall.ai/docs/bot-status-change-events (current bodies),
// https://docs.recall.ai/v1.10/docs/bot-status-change-events (legacy bodies),
// https://docs.recall.ai/docs/recording-webhooks (recordings and media),
// https://docs.recall.ai/docs/sub-codes (sub codes).
package recall
