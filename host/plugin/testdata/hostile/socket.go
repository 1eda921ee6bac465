//go:build socket

package main

//go:wasmimport env connect
func connect(address, port int32) int32

func init() {
	if defect == "never" {
		connect(0, 443)
	}
}
