module batchai.dev/launcher

go 1.26.0

require (
	github.com/klauspost/compress v1.20.4 // packing
	golang.org/x/sys v0.49.0
)
