package wasm

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linear is the memory of one guest, mapped from the system at its largest size, so that it never moves. Where it lies
// over an image's file the kernel shares every page that the guest has not written, and can list those that it has.
type linear struct {
	at   unsafe.Pointer
	most uintptr
	file uintptr // how many bytes lie over the image's file, from the first on
	seen []byte  // room to read about the pages
}

// newLinear maps a memory of zeros. It returns nil where the system has none to give.
func newLinear(most uint64) *linear {
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(most), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	return &linear{at: at, most: uintptr(most)}
}

// Reallocate implements experimental.LinearMemory.
func (l *linear) Reallocate(size uint64) []byte {
	if uintptr(size) > l.most {
		return nil
	}
	return unsafe.Slice((*byte)(l.at), size) //nolint:gosec // within the mapping
}

// Free implements experimental.LinearMemory. The guest does not run any more.
func (l *linear) Free() {
	_ = unix.MunmapPtr(l.at, l.most) // a whole mapping is given back, which cannot fail
}

// lay replaces what the memory has by what an image's file has, and reports whether it could.
func (l *linear) lay(f *imageFile, size uint32) bool {
	if f == nil || uintptr(size) > l.most {
		return false
	}
	_, err := unix.MmapPtr(int(f.content.Fd()), 0, l.at, uintptr(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_NORESERVE)
	if err != nil {
		return false
	}
	l.file = uintptr(size)
	return true
}

// written calls a function with each stretch of the memory that may differ from the image's file, and reports whether
// the kernel has said which those are.
func (l *linear) written(f *imageFile, size uint32, differs func(start, end int)) bool {
	// A page's 64 bits, https://docs.kernel.org/admin-guide/mm/pagemap.html.
	const entry, present, swapped, ofFile = 8, 1 << 63, 1 << 62, 1 << 61
	if f == nil || l.file != uintptr(size) {
		return false
	}
	page := os.Getpagesize()
	pages := int(size) / page
	if len(l.seen) != pages*entry {
		l.seen = make([]byte, pages*entry)
	}
	if n, err := f.pages.ReadAt(l.seen, int64(uintptr(l.at))/int64(page)*entry); err != nil || n != len(l.seen) {
		return false
	}
	for i := range pages {
		state := binary.LittleEndian.Uint64(l.seen[i*entry:])
		if state&(present|swapped) != 0 && state&ofFile == 0 {
			differs(i*page, (i+1)*page)
		}
	}
	return true
}

// imageFile is an image's memory as the kernel shares it between guests.
type imageFile struct {
	content *os.File // in memory
	pages   *os.File // what the kernel knows of this process's pages
}

// newImageFile writes a file of the image's memory. It returns nil where the system has no such files.
func newImageFile(p *image) *imageFile {
	if PageSize%os.Getpagesize() != 0 || os.Getpagesize()%blockSize != 0 {
		return nil
	}
	fd, err := unix.MemfdCreate("plugin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	content := os.NewFile(uintptr(fd), "plugin")
	if p.write(content) != nil {
		_ = content.Close()
		return nil
	}
	pages, err := os.Open("/proc/self/pagemap")
	if err != nil {
		_ = content.Close()
		return nil
	}
	return &imageFile{content: content, pages: pages}
}

// close gives the files back. Guests whose memory lies over them are closed before.
func (f *imageFile) close() {
	if f == nil {
		return
	}
	_ = f.content.Close()
	_ = f.pages.Close()
}
