// Command pacer is a plugin for a test: it answers with the percentage by which its heap grows before it is collected.
package main

import (
	"runtime/debug"
	"strconv"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

func main() {}

type connector struct{}

func (connector) Describe() *abi.Manifest { return &abi.Manifest{Name: "pacer"} }

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	if call.GetOperation() == "" {
		return guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, "nothing")), nil
	}
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, strconv.Itoa(percent))), nil
}

func (connector) Interpret(*abi.Call, []byte, *abi.HttpResponse) (*abi.Step, error) { return nil, nil }

func (connector) Receive(*abi.Callback) (*abi.Receipt, error) { return &abi.Receipt{}, nil }
