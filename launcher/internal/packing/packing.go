// Package packing compresses pieces of files on their way to a reader, where that pays.
//
// files/follow.go and session/reading.go use it for readers that ask for it. What a program prints shrinks to a sixth, and
// every byte less is one that container runtime, kubelet and API server need not copy and encrypt.
// Each piece is raw deflate of its own: whoever reads needs no other, and none waits for the next.
package packing

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/flate" // Twice as fast as the standard library's.
)

// HeaderBytes is room for the longest header: three numbers, blanks, a newline.
const HeaderBytes = 48

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

// Frame returns what is sent for a piece that has HeaderBytes of room before it: a line "OFFSET LENGTH"
// and the piece, or "OFFSET LENGTH PACKED" and so many bytes of deflate. Without a packer nothing is
// packed. What it returns is good until the next call.
func (p *Packer) Frame(offset int64, roomy []byte) []byte {
	length := len(roomy) - HeaderBytes
	header := fmt.Appendf(nil, "%d %d\n", offset, length)
	if p != nil {
		if packed := p.pack(roomy[HeaderBytes:]); packed != nil {
			header = fmt.Appendf(nil, "%d %d %d\n", offset, length, len(packed)-HeaderBytes)
			roomy = packed
		}
	}
	start := HeaderBytes - len(header)
	copy(roomy[start:], header)
	return roomy[start:]
}

// pack returns a packed piece behind room for a header, nil where the piece is better sent as it is.
func (p *Packer) pack(piece []byte) []byte {
	if len(piece) < smallest {
		return nil
	}
	if p.resting > 0 {
		p.resting--
		return nil
	}
	p.out.Reset()
	p.out.Write(make([]byte, HeaderBytes))
	if p.writer == nil {
		p.writer, _ = flate.NewWriter(&p.out, flate.BestSpeed) // It fails for unknown levels only.
	} else {
		p.writer.Reset(&p.out)
	}
	_, err := p.writer.Write(piece)
	if err == nil {
		err = p.writer.Close()
	}
	if err != nil || p.out.Len()-HeaderBytes > len(piece)-len(piece)/worth {
		p.resting = rest
		return nil
	}
	return p.out.Bytes()
}
