package main

import (
	"time"

	"payrouter/host/plugin/faults"
)

// budgetFlags bound what plugins use and fail in sum. What is zero takes the default of package plugin, as in tests.
type budgetFlags struct {
	PluginCPU float64 `name:"plugin-cpu" help:"CPUs that a plugin's version may use; 0: by those there are, -1: any."`

	AccountCPU float64 `name:"account-cpu" help:"CPUs that an account may use; 0: by those there are, -1: any."`

	Faults int `name:"quarantine-faults" default:"3" help:"Faults that put a plugin into quarantine; -1: none do."`

	Merchants int `name:"quarantine-merchants" default:"2" help:"Merchants whose calls must have failed for that."`

	Probation time.Duration `name:"plugin-probation" default:"10m" help:"How long a swap may revert; -1s: never."`
}

func (b budgetFlags) quarantine() faults.Settings {
	return faults.Settings{Faults: b.Faults, Merchants: b.Merchants, Probation: b.Probation}
}
