// Command kube is Kubernetes in one program: etcd, the control plane, the node
// programs, kubectl, CoreDNS and a device plugin that pretends to have GPUs.
//
// devcluster starts it under the name of the part it is to play, either through
// a symbolic link (argv[0]) or as the first argument. It holds no logic of its
// own: every part is the upstream program, so that what works here works on any
// other cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"batchai.dev/devcluster/kube/gpuplugin"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // Registers the JSON log format.
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // Registers client metrics.
	_ "k8s.io/component-base/metrics/prometheus/version"  // Registers the version metric.
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs maps the name of each part to what runs it; the result is the exit code.
var programs = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"coredns":                 runCoreDNS,
	"gpu-plugin":              func() int { return gpuplugin.Main(os.Args[1:]) },
	"kubectl":                 runKubectl,
	"kube-apiserver":          command(apiserver.NewAPIServerCommand),
	"kube-controller-manager": command(controllermanager.NewControllerManagerCommand),
	"kube-proxy":              command(proxy.NewProxyCommand),
	"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kubelet": command(func() *cobra.Command {
		return kubelet.NewKubeletCommand(context.Background())
	}),
}

// command wraps a cobra command. It is built only when its program is chosen,
// because some constructors already touch global state.
func command(build func() *cobra.Command) func() int {
	return func() int { return cli.Run(build()) }
}

// runKubectl prints errors as kubectl does, not as a server logs them.
func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}

func main() {
	name := filepath.Base(os.Args[0])
	run, known := programs[name]
	if !known && len(os.Args) > 1 {
		// Not started through a link: the first argument names the part, and the
		// part must see itself as argv[0].
		name = os.Args[1]
		run, known = programs[name]
		os.Args = os.Args[1:]
	}
	if !known {
		names := make([]string, 0, len(programs))
		for each := range programs {
			names = append(names, each)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "usage: kube PROGRAM [ARGUMENT...]; programs: %s\n", strings.Join(names, " "))
		os.Exit(2)
	}
	os.Exit(run())
}
