package sqlitetest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// sector is what a disk writes as a whole, in bytes: a write that is cut off ends at such a boundary.
const sector = 512

// witness is written and synced without SQLite.
const witness = "payrouter.witness"

// Disk is what a directory's journal has on a disk that loses power: what was synced, and of what was written since
// then any part. It sees what SQLite writes, beneath it. It is safe for concurrent use.
type Disk struct {
	dir string

	mutex sync.Mutex
	files map[string]*image
	// failing: the power goes, and no sync is over any more. witness is the witness of that moment.
	failing bool
	witness []byte
}

// image is a file on the disk.
type image struct {
	// synced is what a power cut leaves for certain, and written what was done since, in its order.
	synced  []byte
	written []write
}

// write is bytes at an offset, or with nil a cut of the file to a length.
type write struct {
	at   int64
	data []byte
}

// Watch watches the journals that are opened in a directory from now on. Close ends it.
func Watch(dir string) (*Disk, error) {
	if err := shim.install(); err != nil {
		return nil, err
	}
	d := &Disk{dir: dir, files: map[string]*image{}}
	shim.mutex.Lock()
	defer shim.mutex.Unlock()
	shim.disks[dir] = d
	return d, nil
}

// Close stops watching.
func (d *Disk) Close() {
	shim.mutex.Lock()
	defer shim.mutex.Unlock()
	delete(shim.disks, d.dir)
}

// Fail has the power go while whatever is written from now on is synced. The router believes the syncs to be over, so
// that nothing which it does after them counts.
func (d *Disk) Fail() (err error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.failing = true
	d.witness, err = d.readWitness()
	return err
}

// readWitness is nil where there is none.
func (d *Disk) readWitness() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(d.dir, witness))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Lose writes into a directory what a power cut at this moment leaves of the journal, of which dice decides. It returns
// how many writes were lost or cut off.
func (d *Disk) Lose(to string, dice *rand.Rand) (lost int, err error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := os.MkdirAll(to, 0o700); err != nil {
		return 0, err
	}
	for _, name := range []string{"payrouter.db", "payrouter.db-wal"} {
		one, known := d.files[filepath.Join(d.dir, name)]
		if !known {
			continue
		}
		content := append([]byte(nil), one.synced...)
		for _, w := range one.written {
			kept := w.data
			switch dice.IntN(3) {
			case 0:
				lost++
				continue
			case 1:
				if cut := dice.IntN(len(kept)/sector+1) * sector; cut < len(kept) {
					lost++
					kept = kept[:cut]
				}
			}
			content = write{w.at, kept}.applied(content, w.data == nil)
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			return lost, err
		}
	}
	seen := d.witness
	if !d.failing {
		if seen, err = d.readWitness(); err != nil {
			return lost, err
		}
	}
	if seen == nil {
		return lost, nil
	}
	return lost, os.WriteFile(filepath.Join(to, witness), seen, 0o600)
}

// applied is a file's content after a write, or a cut.
func (w write) applied(content []byte, cut bool) []byte {
	end := int(w.at) + len(w.data)
	if cut {
		return content[:min(end, len(content))]
	}
	if missing := end - len(content); missing > 0 {
		content = append(content, make([]byte, missing)...)
	}
	copy(content[w.at:], w.data)
	return content
}

func (d *Disk) opened(path string) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.files[path] != nil {
		return nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // SQLite has it open
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.files[path] = &image{synced: content}
	return nil
}

func (d *Disk) wrote(path string, w write) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if one := d.files[path]; one != nil {
		one.written = append(one.written, w)
	}
}

func (d *Disk) synced(path string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	one := d.files[path]
	if one == nil || d.failing {
		return
	}
	for _, w := range one.written {
		one.synced = w.applied(one.synced, w.data == nil)
	}
	one.written = nil
}

// shim stands between SQLite and the operating system. SQLite has one list of such layers in a process, so there is one
// shim.
//
//nolint:gochecknoglobals // see above
var shim = layer{
	disks: map[string]*Disk{}, paths: map[uintptr]string{}, methods: map[uintptr]uintptr{},
	originals: map[uintptr]uintptr{},
}

type layer struct {
	once sync.Once
	err  error
	// below is SQLite's own layer.
	below uintptr
	open  uintptr

	mutex sync.Mutex
	disks map[string]*Disk
	// paths are those of open files, by SQLite's pointer to each.
	paths map[uintptr]string
	// methods are tables of functions with the shim's, by the tables that they are copies of; originals is the reverse.
	methods, originals map[uintptr]uintptr
}

func (l *layer) install() error {
	l.once.Do(func() { l.err = l.register() })
	return l.err
}

func (l *layer) register() error {
	tls := libc.NewTLS()
	if l.below = sqlite3.Xsqlite3_vfs_find(tls, 0); l.below == 0 {
		return errors.New("SQLite has no layer for the operating system")
	}
	name, err := libc.CString("watched")
	if err != nil {
		return err
	}
	own := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	if own == 0 {
		return errors.New("no memory")
	}
	vfs := at[sqlite3.Tsqlite3_vfs](own)
	*vfs = *at[sqlite3.Tsqlite3_vfs](l.below)
	l.open = vfs.FxOpen
	vfs.FpNext, vfs.FzName, vfs.FxOpen = 0, name, pointer(openFile)
	if code := sqlite3.Xsqlite3_vfs_register(tls, own, 1); code != sqlite3.SQLITE_OK {
		return fmt.Errorf("register a layer: %d", code)
	}
	return nil
}

// at is C memory as a Go value.
func at[T any](address uintptr) *T {
	return *(**T)(unsafe.Pointer(&address)) //nolint:gosec // SQLite is C, and so is its memory
}

// pointer is a Go function as C code calls it.
func pointer[F any](function F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&function)) //nolint:gosec // as the translated code has them
}

// function is the reverse of pointer.
func function[F any](address uintptr) (f F) {
	*(*uintptr)(unsafe.Pointer(&f)) = address //nolint:gosec // as the translated code has them
	return f
}

// The functions that the shim puts in place of SQLite's own.
type (
	openFunc     = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	writeFunc    = func(tls *libc.TLS, file, data uintptr, amount int32, offset int64) int32
	truncateFunc = func(tls *libc.TLS, file uintptr, size int64) int32
	syncFunc     = func(tls *libc.TLS, file uintptr, flags int32) int32
	closeFunc    = func(tls *libc.TLS, file uintptr) int32
)

func openFile(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
	code := function[openFunc](shim.open)(tls, shim.below, name, file, flags, out)
	if code != sqlite3.SQLITE_OK || name == 0 || at[sqlite3.Tsqlite3_file](file).FpMethods == 0 {
		return code
	}
	path := libc.GoString(name)
	disk := shim.watching(filepath.Dir(path))
	if disk == nil || strings.HasSuffix(path, "-journal") {
		return code
	}
	if err := disk.opened(path); err != nil {
		return sqlite3.SQLITE_IOERR
	}
	return shim.wrap(tls, file, path)
}

func (l *layer) watching(dir string) *Disk {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.disks[dir]
}

// wrap gives a file the shim's functions.
func (l *layer) wrap(tls *libc.TLS, file uintptr, path string) int32 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	below := at[sqlite3.Tsqlite3_file](file).FpMethods
	own, known := l.methods[below]
	if !known {
		own = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		if own == 0 {
			return sqlite3.SQLITE_NOMEM
		}
		table := at[sqlite3.Tsqlite3_io_methods](own)
		*table = *at[sqlite3.Tsqlite3_io_methods](below)
		table.FxWrite, table.FxTruncate = pointer(writeFile), pointer(truncateFile)
		table.FxSync, table.FxClose = pointer(syncFile), pointer(closeFile)
		l.methods[below], l.originals[own] = own, below
	}
	at[sqlite3.Tsqlite3_file](file).FpMethods = own
	l.paths[file] = path
	return sqlite3.SQLITE_OK
}

// of is an open file: SQLite's own functions for it, and the disk that is watched, or nil.
func (l *layer) of(file uintptr) (below *sqlite3.Tsqlite3_io_methods, disk *Disk, path string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	below = at[sqlite3.Tsqlite3_io_methods](l.originals[at[sqlite3.Tsqlite3_file](file).FpMethods])
	path = l.paths[file]
	return below, l.disks[filepath.Dir(path)], path
}

func writeFile(tls *libc.TLS, file, data uintptr, amount int32, offset int64) int32 {
	below, disk, path := shim.of(file)
	if disk != nil {
		written := unsafe.Slice(at[byte](data), amount) //nolint:gosec // SQLite's own length
		disk.wrote(path, write{offset, append([]byte{}, written...)})
	}
	return function[writeFunc](below.FxWrite)(tls, file, data, amount, offset)
}

func truncateFile(tls *libc.TLS, file uintptr, size int64) int32 {
	below, disk, path := shim.of(file)
	if disk != nil {
		disk.wrote(path, write{at: size})
	}
	return function[truncateFunc](below.FxTruncate)(tls, file, size)
}

// syncFile counts all that was written before as synced: SQLite has one writer to a file at a time.
func syncFile(tls *libc.TLS, file uintptr, flags int32) int32 {
	below, disk, path := shim.of(file)
	code := function[syncFunc](below.FxSync)(tls, file, flags)
	if disk != nil && code == sqlite3.SQLITE_OK {
		disk.synced(path)
	}
	return code
}

func closeFile(tls *libc.TLS, file uintptr) int32 {
	below, _, _ := shim.of(file)
	shim.mutex.Lock()
	delete(shim.paths, file)
	shim.mutex.Unlock()
	return function[closeFunc](below.FxClose)(tls, file)
}
