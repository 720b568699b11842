// Package gpuplugin is a Kubernetes device plugin without devices: it advertises
// a number of GPUs to one kubelet, so that requests for GPUs are scheduled,
// counted and refused for real. A container that gets some is told which ones by
// NVIDIA_VISIBLE_DEVICES, as NVIDIA's own plugin does it.
package gpuplugin

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// settings are the command-line flags.
type settings struct {
	folder   string
	resource string
	count    int
	prefix   string
}

// Main runs the plugin until SIGTERM or SIGINT and returns the exit code.
//
// The kubelet empties its plugin folder whenever it starts. The plugin therefore
// watches its own socket and begins anew when the socket has gone.
func Main(arguments []string) int {
	var chosen settings
	flags := flag.NewFlagSet("gpu-plugin", flag.ExitOnError)
	flags.StringVar(&chosen.folder, "plugin-dir", "/var/lib/kubelet/device-plugins", "folder of the kubelet's device plugin sockets")
	flags.StringVar(&chosen.resource, "resource", "nvidia.com/gpu", "name of the extended resource")
	flags.IntVar(&chosen.count, "count", 1, "how many devices to advertise")
	flags.StringVar(&chosen.prefix, "prefix", "GPU-devcluster-", "text before the number in each device's id")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	for ctx.Err() == nil {
		if err := serveOnce(ctx, chosen); err != nil {
			fmt.Fprintf(os.Stderr, "gpu-plugin: %v; trying again\n", err)
		}
		wait(ctx, time.Second)
	}
	return 0
}

// serveOnce serves the plugin, registers it, and returns when its socket has
// been removed, when it cannot register, or when ctx ends.
func serveOnce(ctx context.Context, chosen settings) error {
	endpoint := strings.ReplaceAll(chosen.resource, "/", "-") + ".sock"
	path := filepath.Join(chosen.folder, endpoint)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, &plugin{settings: chosen, ended: ended})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	defer close(ended)

	if err := register(ctx, chosen, endpoint); err != nil {
		return fmt.Errorf("register with the kubelet: %w", err)
	}
	fmt.Printf("gpu-plugin: %d x %s advertised in %s\n", chosen.count, chosen.resource, chosen.folder)
	for ctx.Err() == nil {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("the kubelet has restarted: %w", err)
		}
		wait(ctx, time.Second)
	}
	return nil
}

// register tells the kubelet where the plugin listens and what it offers.
func register(ctx context.Context, chosen settings, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	connection, err := grpc.NewClient(
		"unix://"+filepath.Join(chosen.folder, "kubelet.sock"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_, err = api.NewRegistrationClient(connection).Register(ctx, &api.RegisterRequest{
		Version:      api.Version,
		Endpoint:     endpoint,
		ResourceName: chosen.resource,
	})
	return err
}

// wait sleeps, but not longer than ctx lives.
func wait(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}
