package plugin

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"

	"batchai.dev/devcluster/storage/contract"
)

// Version is what the plugin says of itself; the name of the real driver goes with it.
const Version = "batchai-standin-1"

type identity struct {
	csi.UnimplementedIdentityServer
	driver string
}

func (i identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: i.driver, VendorVersion: Version}, nil
}

func (i identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

// GetPluginCapabilities says that Azure's two drivers have a controller, as the real ones do everywhere.
func (i identity) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	response := &csi.GetPluginCapabilitiesResponse{}
	if i.driver == contract.BlobDriver || i.driver == contract.ShareDriver {
		response.Capabilities = []*csi.PluginCapability{{
			Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{
				Type: csi.PluginCapability_Service_CONTROLLER_SERVICE,
			}},
		}}
	}
	return response, nil
}

// NewServer returns a gRPC server for one driver, which logs every call that fails.
func NewServer(node *Node) *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(logFailures(node.Driver)))
	csi.RegisterIdentityServer(server, identity{driver: node.Driver})
	csi.RegisterNodeServer(server, node)
	return server
}

// logFailures prints names and errors only: requests hold secrets.
func logFailures(driver string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		out, err := handler(ctx, in)
		if err != nil {
			log.Printf("%s %s: %v", driver, filepath.Base(info.FullMethod), err)
		}
		return out, err
	}
}

// Listen opens a socket in place of one that an earlier life left behind.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

type registrar struct {
	registration.UnimplementedRegistrationServer
	driver, endpoint string
	failed           chan<- error
}

func (r registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: r.driver, Endpoint: r.endpoint, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r registrar) NotifyRegistrationStatus(_ context.Context, in *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if in.GetPluginRegistered() {
		log.Printf("%s is registered with the kubelet", r.driver)
	} else {
		// A fresh start is the cure that node-driver-registrar uses too.
		r.failed <- errors.New("the kubelet refused " + r.driver + ": " + in.GetError())
	}
	return &registration.RegistrationStatusResponse{}, nil
}

// Serve registers a driver with the kubelet and serves it until something fails.
//
// root is the kubelet's folder as this program sees it, hostRoot as the kubelet does.
func Serve(node *Node, root, hostRoot string, failed chan<- error) (func(), error) {
	socket := filepath.Join(root, "plugins", node.Driver, "csi.sock")
	listener, err := Listen(socket)
	if err != nil {
		return nil, err
	}
	registry := filepath.Join(root, "plugins_registry", node.Driver+"-reg.sock")
	door, err := Listen(registry)
	if err != nil {
		return nil, err
	}
	server := NewServer(node)
	desk := grpc.NewServer()
	registration.RegisterRegistrationServer(desk, registrar{
		driver: node.Driver, endpoint: hostRoot + strings.TrimPrefix(socket, root), failed: failed,
	})
	go func() { failed <- server.Serve(listener) }()
	go func() { failed <- desk.Serve(door) }()
	return func() {
		// The registry's socket goes first, so that the kubelet calls nobody who is leaving.
		_ = os.Remove(registry)
		desk.Stop()
		server.GracefulStop()
	}, nil
}
