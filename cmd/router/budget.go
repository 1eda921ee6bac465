package main

import (
	"time"

	"payrouter/host/plugin/faults"
)

// budgetFlags bound what plugins use and fail in sum. What is zero takes the default of package plugin, as in tests.
type budgetFlags struct {
	PluginFuel int64 `name:"plugin-fuel" help:"Fuel per second of a plugin's version; 0: by the CPUs, -1: any."`

	AccountFuel int64 `name:"account-fuel" help:"Fuel per second of an account; 0: by the CPUs, -1: any."`

	Faults int `name:"quarantine-faults" default:"3" help:"Faults that put a plugin into quarantine; -1: none do."`

	Merchants int `name:"quarantine-merchants" default:"2" help:"Merchants whose calls must have failed for that."`

	Probation time.Duration `name:"plugin-probation" default:"10m" help:"How long a swap may revert; -1s: never."`
}

func (b budgetFlags) quarantine() faults.Settings {
	return faults.Settings{Faults: b.Faults, Merchants: b.Merchants, Probation: b.Probation}
}
