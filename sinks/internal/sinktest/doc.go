// Package sinktest is the contract of [relay.Sink] as a test. Every sink runs
// it against a stand-in of its destination:
//
//	func TestContract(t *testing.T) {
//		sinktest.Run(t, sinktest.Harness{New: newSubject, Secrets: []string{canary}})
//	}
//
// What it holds: nil comes only after the destination acknowledged; a Send ends
// soon after its context; concurrent Sends are kept apart; the body arrives
// byte for byte; the delivery is not changed; errors and notes hold no secret
// and no payload and are one printable line; the class of a failure is right.
package sinktest
