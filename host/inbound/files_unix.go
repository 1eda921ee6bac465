//go:build unix

package inbound

import (
	"math"
	"syscall"
)

// openFiles is how many files the process may open.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(min(uint64(limit.Cur), math.MaxInt)) //nolint:unconvert // FreeBSD's is signed
}
