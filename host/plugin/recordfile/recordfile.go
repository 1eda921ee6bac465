// Package recordfile decides how a plugin's recordings lie on the disk, so that they outlast a restart.
//
// A file has lines: a checksum, and a part of a flow as JSON. A flow that goes on is continued by a later line. Lines
// are appended without waiting for the disk, so a crash of the machine may lose or damage the last ones; a crash of the
// router loses none that were appended. A damaged line costs no other.
package recordfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"payrouter/host/atomicfile"
	"payrouter/host/plugin/replay"
	"payrouter/host/regularfile"
)

// Part is a part of a flow's recording.
type Part struct {
	// Flow distinguishes the flows of a file.
	Flow uint64
	// Former is how many steps the flow's earlier parts have, and Recording has those that follow.
	Former    int
	Recording replay.Recording
}

// line is a part as it is written.
type line struct {
	Flow      uint64    `json:"flow"`
	Former    int       `json:"former,omitempty"`
	Plugin    string    `json:"plugin,omitempty"`
	Digest    string    `json:"digest,omitempty"`
	Operation string    `json:"operation,omitempty"`
	PaymentID string    `json:"payment,omitempty"`
	At        time.Time `json:"at"`
	Steps     []step    `json:"steps"`
}

type step struct {
	Input   []byte `json:"input,omitempty"`
	Answer  []byte `json:"answer,omitempty"`
	Failure string `json:"failure,omitempty"`
	Fuel    int64  `json:"fuel,omitempty"`
}

// File is a file of recordings. One goroutine uses it.
type File struct {
	path string
	most int64
	// size is the file's, and oldest the time of its first recording, as far as Append and Replace wrote them.
	size   int64
	oldest time.Time
	// usable: the file has what was appended, so that more may be.
	usable bool
}

// New is the file at a path, which need not exist. It never has more than most bytes. Until the first Replace nothing
// can be appended to it.
func New(path string, most int64) *File { return &File{path: path, most: most} }

// Oldest is the time of the oldest recording that the file may have; zero where it has none, or was not written yet.
func (f *File) Oldest() time.Time { return f.oldest }

const (
	folderMode = 0o700
	fileMode   = 0o600 // recordings contain payers' data
)

// Append adds parts to the file. It is false where the file must be replaced instead: it would be too large, or a
// former write failed.
func (f *File) Append(parts []Part) (appended bool, err error) {
	text, oldest, err := encode(parts)
	if err != nil {
		return false, err
	}
	if !f.usable || f.size+int64(len(text)) > f.most {
		return false, nil
	}
	if len(parts) == 0 {
		return true, nil
	}
	f.usable = false
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return false, fmt.Errorf("append recordings: %w", err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return false, fmt.Errorf("append recordings: %w", err)
	}
	f.usable = true
	f.note(int64(len(text)), oldest)
	return true, nil
}

// Replace makes parts the file's content; without any, it removes the file.
func (f *File) Replace(parts []Part) error {
	f.usable, f.size, f.oldest = false, 0, time.Time{}
	if len(parts) == 0 {
		return f.Remove()
	}
	text, oldest, err := encode(parts)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(f.path), folderMode)
	}
	if err == nil {
		err = atomicfile.Write(f.path, text, fileMode)
	}
	if err != nil {
		return fmt.Errorf("write recordings: %w", err)
	}
	f.usable = true
	f.note(int64(len(text)), oldest)
	return nil
}

// Remove removes the file, if there is one.
func (f *File) Remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove recordings: %w", err)
	}
	return nil
}

func (f *File) note(written int64, oldest time.Time) {
	f.size += written
	if f.oldest.IsZero() || oldest.Before(f.oldest) {
		f.oldest = oldest
	}
}

// checksumLength is the length of a line's checksum, in hexadecimal.
const checksumLength = 8

func encode(parts []Part) (text []byte, oldest time.Time, err error) {
	var b bytes.Buffer
	for i, part := range parts {
		r := part.Recording
		if i == 0 || r.At.Before(oldest) {
			oldest = r.At
		}
		content, err := json.Marshal(line{
			part.Flow, part.Former, r.Plugin, r.Digest, r.Operation, r.PaymentID, r.At, stepsOf(r),
		})
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("encode a recording: %w", err)
		}
		fmt.Fprintf(&b, "%0*x %s\n", checksumLength, crc32.ChecksumIEEE(content), content)
	}
	return b.Bytes(), oldest, nil
}

func stepsOf(r replay.Recording) []step {
	steps := make([]step, len(r.Steps))
	for i, s := range r.Steps {
		steps[i] = step(s)
	}
	return steps
}

// Read returns the recordings of the file, each flow whole, in the order in which the flows began, and how many lines
// are damaged. A file that does not exist has none.
func (f *File) Read() (recordings []replay.Recording, damaged int, err error) {
	text, err := regularfile.Read(f.path, f.most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read recordings: %w", err)
	}
	at := map[uint64]int{}
	for content := range bytes.Lines(text) {
		read, ok := decode(content)
		if !ok {
			damaged++
			continue
		}
		if read.Former == 0 {
			at[read.Flow] = len(recordings)
			recordings = append(recordings, read.recording())
			continue
		}
		// A part whose former one is damaged is left out, and the parts after it: the flow ends before.
		if i, begun := at[read.Flow]; begun && len(recordings[i].Steps) == read.Former {
			recordings[i].Steps = append(recordings[i].Steps, read.recording().Steps...)
		}
	}
	return recordings, damaged, nil
}

// decode reads a line with its end.
func decode(content []byte) (read line, ok bool) {
	content, whole := bytes.CutSuffix(content, []byte("\n"))
	sum, content, separated := bytes.Cut(content, []byte(" "))
	if !whole || !separated || len(sum) != checksumLength {
		return line{}, false
	}
	expected, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || uint32(expected) != crc32.ChecksumIEEE(content) {
		return line{}, false
	}
	err = json.Unmarshal(content, &read)
	return read, err == nil && len(read.Steps) > 0 && read.Former >= 0
}

func (l line) recording() replay.Recording {
	steps := make([]replay.Step, len(l.Steps))
	for i, s := range l.Steps {
		steps[i] = replay.Step(s)
	}
	return replay.Recording{
		Plugin: l.Plugin, Digest: l.Digest, Operation: l.Operation, PaymentID: l.PaymentID, At: l.At, Steps: steps,
	}
}
