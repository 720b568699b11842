package sidecar

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Read keeps a reader Pod alive until Kubernetes ends it: its volumes are read through `files`.
func Read() int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	<-stop
	return 0
}
