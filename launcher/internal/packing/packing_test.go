package packing

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"fmt"
	"io"
	"testing"
)

func text(lines int) []byte {
	var out bytes.Buffer
	for step := range lines {
		fmt.Fprintf(&out, "INFO:tensorflow:loss = %.7g, step = %d (0.1%d sec)\n", 2.3/float64(step+1), step, step%97)
	}
	return out.Bytes()
}

func noise(size int) []byte {
	piece := make([]byte, size)
	_, _ = rand.Read(piece)
	return piece
}

func TestTextIsPackedAndComesBack(t *testing.T) {
	var packer Packer
	for _, lines := range []int{100, 5000, 1} { // The writer is used again.
		piece := text(lines)
		packed := packer.pack(piece)
		if lines == 1 {
			if packed != nil {
				t.Fatal("a single line was packed")
			}
			continue
		}
		if len(packed)-HeaderBytes > len(piece)/3 {
			t.Fatalf("%d bytes became %d", len(piece), len(packed)-HeaderBytes)
		}
		back, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed[HeaderBytes:])))
		if err != nil || !bytes.Equal(back, piece) {
			t.Fatalf("%d bytes came back, %v", len(back), err)
		}
	}
}

func TestNoiseGoesAsItIsAndIsNotTriedForAWhile(t *testing.T) {
	var packer Packer
	piece := text(5000)
	if packer.pack(noise(100_000)) != nil {
		t.Fatal("noise was packed")
	}
	for number := range rest {
		if packer.pack(piece) != nil {
			t.Fatalf("piece %d after noise was tried", number)
		}
	}
	if packer.pack(piece) == nil {
		t.Fatal("text after noise is never packed again")
	}
}
