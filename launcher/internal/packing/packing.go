// Package packing compresses pieces of files on their way to a reader, where that pays.
//
// files/follow.go uses it for readers that ask for it. What a program prints shrinks to a sixth, and
// every byte less is one that container runtime, kubelet and API server need not copy and encrypt.
// Each piece is raw deflate of its own: whoever reads needs no other, and none waits for the next.
package packing

import (
	"bytes"

	"github.com/klauspost/compress/flate" // Twice as fast as the standard library's.
)

const (
	// smallest is the size of a piece below which the way is not worth the work.
	smallest = 512
	// worth is the part of a piece that packing must save, as 1 in so many.
	worth = 8
	// rest is how many pieces go as they are after one that was not worth it.
	rest = 15
)

// Packer packs the pieces of one file, in turn.
type Packer struct {
	writer  *flate.Writer
	out     bytes.Buffer
	resting int
}

// Pack returns a packed piece behind so many free bytes, nil where the piece is better sent as it is.
// What it returns is good until the next call.
func (p *Packer) Pack(piece []byte, free int) []byte {
	if len(piece) < smallest {
		return nil
	}
	if p.resting > 0 {
		p.resting--
		return nil
	}
	p.out.Reset()
	p.out.Write(make([]byte, free))
	if p.writer == nil {
		p.writer, _ = flate.NewWriter(&p.out, flate.BestSpeed) // It fails for unknown levels only.
	} else {
		p.writer.Reset(&p.out)
	}
	_, err := p.writer.Write(piece)
	if err == nil {
		err = p.writer.Close()
	}
	if err != nil || p.out.Len()-free > len(piece)-len(piece)/worth {
		p.resting = rest
		return nil
	}
	return p.out.Bytes()
}
