package squashfs

import (
	"context"
	"io"
	"sync"
)

// minParallel is from how many blocks on helpers are worth their start.
const minParallel = 4

// borrow takes helpers from the workers of the image, without waiting: when all are at work
// for other files, this one is inflated by its caller alone.
func (fs *FS) borrow(blocks int64) int {
	if blocks < minParallel || cap(fs.workers) < 2 {
		return 0
	}
	n := 0
	for n < cap(fs.workers) && int64(n) < blocks {
		select {
		case fs.workers <- struct{}{}:
			n++
			continue
		default:
		}
		break
	}
	if n == 1 {
		// One helper gains nothing over the caller itself.
		fs.giveBack(1)
		return 0
	}
	return n
}

func (fs *FS) giveBack(n int) {
	for range n {
		<-fs.workers
	}
}

// job is a block on its way through a helper.
type job struct {
	block stored
	bufs  *buffers
	data  []byte
	err   error
	done  chan struct{}
}

// pipeline is a ring of jobs, two a helper, which bounds the memory. The caller
// sends them to the helpers and takes them back in the same order.
type pipeline struct {
	fs            *FS
	r             *blockReader
	ring          []job
	todo          chan *job
	sent, written int
	err           error // of the block list; what was before it is still written
	pos           int64 // where in the image the block without an entry would be
}

// fill sends jobs until all are under way or there are no more blocks.
func (p *pipeline) fill() {
	for p.sent-p.written < len(p.ring) && p.r.left > 0 && p.err == nil {
		j := &p.ring[p.sent%len(p.ring)]
		if j.bufs == nil {
			j.bufs, j.done = p.fs.codec.buffers(), make(chan struct{}, 1)
		}
		p.pos = p.r.pos
		if j.block, p.err = p.r.next(); p.err != nil {
			return
		}
		p.todo <- j
		p.sent++
	}
}

// help inflates blocks until there are no more.
func (p *pipeline) help(ctx context.Context) {
	for j := range p.todo {
		if j.err = ctx.Err(); j.err == nil {
			j.data, j.err = p.fs.inflate(j.block, j.bufs)
		}
		j.done <- struct{}{}
	}
}

// writeParallel inflates the blocks of r with helpers and writes them in order.
func (fs *FS) writeParallel(ctx context.Context, w io.Writer, r *blockReader, helpers int) (int64, error) {
	p := &pipeline{fs: fs, r: r, ring: make([]job, 2*helpers), todo: make(chan *job, 2*helpers)}
	var wg sync.WaitGroup
	for range helpers {
		wg.Go(func() { p.help(ctx) })
	}
	defer func() {
		close(p.todo)
		wg.Wait()
		for _, j := range p.ring {
			if j.bufs != nil {
				fs.codec.release(j.bufs)
			}
		}
	}()
	var n int64
	for {
		p.fill()
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if p.written == p.sent {
			if p.err != nil {
				return n, &DataError{Content: n, Offset: p.pos, Err: p.err}
			}
			return n, nil
		}
		j := &p.ring[p.written%len(p.ring)]
		<-j.done
		p.written++
		if j.err != nil {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			return n, &DataError{Content: n, Offset: j.block.off, Err: j.err}
		}
		k, err := w.Write(j.data)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}
