// Package admin answers questions about what a relay has stored and carries out
// what a person asks of it: the HTTP API below /api/v1, for the command line,
// the page and programs alike.
//
//	request ─ guard (host, origin, token) ─ route table ─ handler ─► Reader        look
//	                                                             ├─► Operator      change, with a line in the log
//	                                                             └─► replay job ─ Server.Run ─► Operator, Log
//
// The route table is the one list of what there is: the handlers are found by
// it, the OpenAPI document is made of it, and tests hold the answers to that
// document. Requests and answers are the plain structs of the files api*.go;
// the command line decodes into the same ones.
//
// A [Server] needs nothing but what its [Options] hand it, so the same handlers
// answer beside a running relay and in a command that has opened the store by
// itself. What only a running relay knows (is a sink being asked again, what
// was refused) is absent there.
//
// Lists come in pages. A page ends at its limit or after 50 ms of looking,
// whatever it has found by then, and says how far back it has looked: reached,
// and next to go on with. An empty page with a next is not the end.
//
// Nothing that is answered holds a secret. A payload is in an answer only where
// the request asked for it.
package admin
