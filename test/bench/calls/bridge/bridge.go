//go:build wasip1

// Package bridge exports a connector's calls from a module that Extism's SDK calls, and hides Extism's memory.
package bridge

import (
	"github.com/extism/go-pdk"

	"payrouter/abi/guest"
	"payrouter/test/bench/calls/answer"
)

// Register makes the connector the one that this module exports. Call it once, from the plugin's init.
func Register(connector guest.Connector) { registered = connector }

//nolint:gochecknoglobals // a module is one plugin: the exports have nowhere else to find it
var registered guest.Connector

//go:wasmexport extism_prepare
func exportPrepare() int32 { return call(answer.Prepare) }

//go:wasmexport extism_interpret
func exportInterpret() int32 { return call(answer.Interpret) }

func call(export string) int32 {
	answered, err := answer.Call(registered, export, pdk.Input())
	if err != nil {
		pdk.SetError(err)
		return 1
	}
	pdk.Output(answered)
	return 0
}
