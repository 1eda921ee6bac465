package wasm

import (
	"debug/elf"
	"encoding/hex"
)

// buildID identifies this program by what the linker wrote into it, which is other for other code; empty where that is
// not there. It is read from the file that runs, and not from what has its name by now.
func buildID() string {
	program, err := elf.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer func() { _ = program.Close() }()
	section := program.Section(".note.go.buildid")
	if section == nil {
		return ""
	}
	const header = 16 // sizes of name and content, type, name
	note, err := section.Data()
	if err != nil || len(note) <= header {
		return ""
	}
	return hex.EncodeToString(note[header:])
}
