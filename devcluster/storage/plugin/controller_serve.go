package plugin

import (
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
)

// NewControllerServer returns a gRPC server for one driver's controller, which logs every call that
// fails.
func NewControllerServer(controller *Controller) *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(logFailures(controller.Driver)))
	csi.RegisterIdentityServer(server, identity{driver: controller.Driver})
	csi.RegisterControllerServer(server, controller)
	return server
}

// ServeController serves a driver's controller below a folder, at DRIVER/csi.sock, until it fails.
func ServeController(controller *Controller, folder string, failed chan<- error) (func(), error) {
	listener, err := Listen(filepath.Join(folder, controller.Driver, "csi.sock"))
	if err != nil {
		return nil, err
	}
	server := NewControllerServer(controller)
	go func() { failed <- server.Serve(listener) }()
	return server.GracefulStop, nil
}
