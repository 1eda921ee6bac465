// Package simulation checks the router's promises under every order of events and every fault: the router runs in a
// simulated world, where every event is drawn from a seed, and the same seed gives exactly the same run.
//
// It is the counterpart of package chaos. There, processes are killed and sockets reset for real, and no run can be
// repeated. Here, in one process under testing/synctest, the engine, the reconciler, the callbacks' inbox, the API,
// egress with its transport, the journal in SQLite and the plugins as WebAssembly are real; the network, the clock, the
// randomness and the people are simulated. Every event (a request, an answer, a callback, a read or a write of the
// journal, a change of the clock) is held, and a scheduler releases one after the other. After each it checks the
// promises; in the end faults cease, and everything has to settle.
//
// All of it is tests, since synctest runs in tests only: read world_test.go (what happens when), then network_test.go,
// journal_test.go, router_test.go, people_test.go, safety_test.go and, for a whole run, run_test.go.
package simulation
