//go:build !unix

package inbound

import "math"

// openFiles is how many files the process may open.
func openFiles() int { return math.MaxInt }
