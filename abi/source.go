// Package abi carries the source of the SDK, so that a plugin's author needs no checkout of the router.
package abi

import "embed"

// Source is the source of the SDK's packages, by their folders under this one.
//
//go:embed */*.go */*/*.go v1/abi.proto
var Source embed.FS
