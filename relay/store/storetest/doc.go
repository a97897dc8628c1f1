// Package storetest is the contract of every store as tests: what package
// relay promises of [relay.Log], [relay.Queue], [relay.Memory], [relay.Reader]
// and [relay.Operator], sentence by sentence, and a model test of the order of
// handing out.
//
// A store's test package calls [Run] with a [Setup] that says how to open,
// crash and age it. [Disk] with its [Reference] is a store of plain maps, too
// slow and too simple to be wrong, that shows the suite to be right and lets
// the order of handing out be tried millions of times.
package storetest
