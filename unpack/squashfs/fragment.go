package squashfs

import (
	"container/list"
	"fmt"
	"sync"
)

// fragmentCacheBytes bounds the decoded fragment blocks that are kept.
const fragmentCacheBytes = 8 << 20

// fragmentCache keeps the fragment blocks used last, so that the small files of
// one, which lie together in the tree, do not inflate it again and again.
type fragmentCache struct {
	mu    sync.Mutex
	size  int                      // blocks kept
	order *list.List               // of *fragmentBlock, newest first
	known map[uint32]*list.Element // by index
}

// recency tells the walk which fragment blocks the cache would have if all
// contents were read in the order of the walk. An image can make every tiny file
// need another big block, which the caller's count of bytes would not show; what
// the cache really does depends on scheduling, and may decide nothing.
type recency struct {
	size  int
	order *list.List // of uint32, newest first
	known map[uint32]*list.Element
}

func newRecency(size int) recency {
	return recency{size: size, order: list.New(), known: map[uint32]*list.Element{}}
}

// touch notes the use of a block and reports whether it would be in the cache.
func (r *recency) touch(index uint32) bool {
	if el, ok := r.known[index]; ok {
		r.order.MoveToFront(el)
		return true
	}
	r.known[index] = r.order.PushFront(index)
	if r.order.Len() > r.size {
		delete(r.known, r.order.Remove(r.order.Back()).(uint32))
	}
	return false
}

// fragmentBlock is inflated by the goroutine that made it; others wait for it.
type fragmentBlock struct {
	index uint32
	once  sync.Once
	data  []byte
	err   error
}

func (c *fragmentCache) init(blockSize int) {
	c.size = max(4, fragmentCacheBytes/blockSize)
	c.order = list.New()
	c.known = map[uint32]*list.Element{}
}

func (c *fragmentCache) get(index uint32) *fragmentBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.known[index]; ok {
		c.order.MoveToFront(el)
		return el.Value.(*fragmentBlock)
	}
	b := &fragmentBlock{index: index}
	c.known[index] = c.order.PushFront(b)
	if c.order.Len() > c.size {
		old := c.order.Remove(c.order.Back()).(*fragmentBlock)
		delete(c.known, old.index)
	}
	return b
}

func (fs *FS) checkFragment(f fragment) error {
	if f.size >= 2*blockUncompressed || f.size&blockSizeMask > fs.sb.blockSize || f.stored() == 0 {
		return fmt.Errorf("fragment block of stored size %#x", f.size)
	}
	if !f.inside(fs.end) {
		return fmt.Errorf("fragment block %d+%d is outside the image of %d bytes", f.start, f.stored(), fs.end)
	}
	return nil
}

// readTail returns the tail of a file and where its fragment block is stored.
// The bytes are shared and must not be changed.
func (fs *FS) readTail(f *content) ([]byte, int64, error) {
	if uint64(f.fragment) >= uint64(len(fs.fragments)) {
		return nil, -1, fmt.Errorf("tail in fragment block %d of %d", f.fragment, len(fs.fragments))
	}
	frag := fs.fragments[f.fragment]
	if f.noTail {
		return nil, frag.start, fmt.Errorf("%w: decoded fragment blocks exceed %d bytes", ErrLimit, fs.limits.FragmentBytes)
	}
	b := fs.cache.get(f.fragment)
	b.once.Do(func() { b.data, b.err = fs.inflateFragment(frag) })
	if b.err != nil {
		return nil, frag.start, b.err
	}
	pos, n := uint64(f.fragmentPos), uint64(fs.tail(f))
	if pos+n > uint64(len(b.data)) {
		return nil, frag.start, fmt.Errorf("tail at %d+%d of a fragment block of %d bytes", pos, n, len(b.data))
	}
	return b.data[pos : pos+n : pos+n], frag.start, nil
}

func (fs *FS) inflateFragment(f fragment) ([]byte, error) {
	if err := fs.checkFragment(f); err != nil {
		return nil, err
	}
	if f.size&blockUncompressed != 0 {
		data := make([]byte, f.stored())
		return data, fs.read(data, f.start)
	}
	bufs := fs.codec.buffers()
	defer fs.codec.release(bufs)
	raw := bufs.src[:f.stored()]
	if err := fs.read(raw, f.start); err != nil {
		return nil, err
	}
	data := make([]byte, fs.sb.blockSize)
	n, err := fs.codec.decode(data, raw)
	if err != nil {
		return nil, fmt.Errorf("fragment block at %d: %w", f.start, err)
	}
	return data[:n], nil
}
