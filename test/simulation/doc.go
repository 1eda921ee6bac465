// Package simulation finds out whether the router's promises hold, whatever order things happen in and whatever fails:
// it is the router in a world of its own, where every event is drawn by lot from a seed, and the same seed gives the
// same run to the letter.
//
// It is the counterpart of package chaos. There, processes are killed and sockets reset for real, and no run can be had
// twice. Here, in one process under testing/synctest, the engine, the reconciler, the callbacks' inbox, the API, egress
// with its transport, the journal in SQLite and the plugins as WebAssembly are the real ones; the network, the clock,
// the dice and the people are the simulator's. Whatever would reach somebody (a request, an answer, a callback, a read
// or a write of the journal, the hand of a clock) is held, and a scheduler lets one of them happen after the other.
// After each it looks whether anything is wrong; in the end faults cease, and everything has to settle.
//
// All of it is tests, since synctest runs in tests alone: read world_test.go (what happens when), then network_test.go,
// journal_test.go, router_test.go, people_test.go, safety_test.go and, for a whole run, run_test.go.
package simulation
