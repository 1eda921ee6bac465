package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// meteredFiles keep rewritten modules beside their machine code, so that a start does not rewrite them again. A file is
// good for the program that wrote it alone: another one may rewrite, or refuse, differently. Who may write there could
// as well write machine code, so that a file is checked for damage, and no more. Several programs may use a directory
// at once: a file is put in its place whole.
type meteredFiles struct {
	// dir is empty where nothing is kept.
	dir string
	// build identifies this program.
	build string
}

// rewritten is what meter returns.
type rewritten struct {
	code    []byte
	globals []string
}

// mostMetered is how many files are kept, the newest: modules that were refused or replaced leave some behind, and so
// does a crash while one is written. One that is missed is made again.
const mostMetered = 64

var errOtherFile = errors.New("damaged, or of another program")

func (f meteredFiles) path(digest string) string { return filepath.Join(f.dir, digest) }

func (f meteredFiles) key(digest string) []byte { return []byte(digest + " by " + f.build) }

// read returns what was kept of a module. found is false where that cannot be used.
func (f meteredFiles) read(digest string) (kept rewritten, found bool) {
	if f.dir == "" {
		return rewritten{}, false
	}
	content, err := os.ReadFile(f.path(digest))
	if err != nil || len(content) < sha256.Size {
		return rewritten{}, false
	}
	sum, content := content[:sha256.Size], content[sha256.Size:]
	if got := sha256.Sum256(content); !bytes.Equal(got[:], sum) {
		return rewritten{}, false
	}
	key, content, err := field(content)
	if err != nil || !bytes.Equal(key, f.key(digest)) || len(content) == 0 {
		return rewritten{}, false
	}
	imaged, content := content[0] == 1, content[1:]
	count, n := binary.Uvarint(content)
	if n <= 0 {
		return rewritten{}, false
	}
	content = content[n:]
	if imaged {
		kept.globals = []string{}
	}
	for range count {
		var name []byte
		if name, content, err = field(content); err != nil {
			return rewritten{}, false
		}
		kept.globals = append(kept.globals, string(name))
	}
	kept.code = content
	return kept, true
}

// keep writes what was made of a module, whole or not at all.
func (f meteredFiles) keep(digest string, made rewritten) error {
	if f.dir == "" {
		return nil
	}
	content := make([]byte, sha256.Size, len(made.code)+4096)
	content = appendField(content, f.key(digest))
	imaged := byte(0)
	if made.globals != nil {
		imaged = 1
	}
	content = binary.AppendUvarint(append(content, imaged), uint64(len(made.globals)))
	for _, name := range made.globals {
		content = appendField(content, []byte(name))
	}
	content = append(content, made.code...)
	sum := sha256.Sum256(content[sha256.Size:])
	copy(content, sum[:])

	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	draft, err := os.CreateTemp(f.dir, digest+".*.tmp") // only its owner may read it
	if err != nil {
		return err
	}
	_, err = draft.Write(content) // not synced: one that is cut off is damaged, and made again
	if err = errors.Join(err, draft.Close()); err == nil {
		err = os.Rename(draft.Name(), f.path(digest))
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return f.prune()
}

// prune removes the oldest files.
func (f meteredFiles) prune() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil || len(entries) <= mostMetered {
		return err
	}
	written := make(map[string]time.Time, len(entries))
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil { // else another program has removed it
			written[entry.Name()] = info.ModTime()
		}
	}
	names := slices.SortedFunc(maps.Keys(written), func(a, b string) int { return written[b].Compare(written[a]) })
	var problems []error
	for _, name := range names[min(mostMetered, len(names)):] {
		if err := os.Remove(filepath.Join(f.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func appendField(content, text []byte) []byte {
	return append(binary.AppendUvarint(content, uint64(len(text))), text...)
}

// field cuts the first field off.
func field(content []byte) (text, rest []byte, err error) {
	size, n := binary.Uvarint(content)
	if n <= 0 || size > uint64(len(content)-n) {
		return nil, nil, errOtherFile
	}
	return content[n : n+int(size)], content[n+int(size):], nil
}
