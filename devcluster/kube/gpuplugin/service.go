package gpuplugin

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// plugin answers the kubelet's calls.
type plugin struct {
	api.UnimplementedDevicePluginServer

	settings settings
	ended    <-chan struct{}
}

// GetDevicePluginOptions says that neither preparation nor a choice is offered.
func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch sends the list of devices once, because it never changes, and
// keeps the stream open: the kubelet takes its end as the loss of all devices.
func (p *plugin) ListAndWatch(_ *api.Empty, stream grpc.ServerStreamingServer[api.ListAndWatchResponse]) error {
	devices := make([]*api.Device, 0, p.settings.count)
	for number := range p.settings.count {
		devices = append(devices, &api.Device{
			ID:     fmt.Sprintf("%s%d", p.settings.prefix, number),
			Health: api.Healthy,
		})
	}
	if err := stream.Send(&api.ListAndWatchResponse{Devices: devices}); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
	case <-p.ended:
	}
	return nil
}

// Allocate tells each container which devices the kubelet gave it.
func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")},
		})
	}
	return response, nil
}
