// Launcher is all of batchai-operator that enters a job's Pod: one static program for any image.
//
// Kubernetes starts it as the operator's planner says; people reach `files` through exec. This
// file only translates between command lines and packages. docs/reference/launcher.md has the rest.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"batchai.dev/launcher/internal/files"
	"batchai.dev/launcher/internal/layout"
	"batchai.dev/launcher/internal/node"
	"batchai.dev/launcher/internal/plan"
	"batchai.dev/launcher/internal/session"
	"batchai.dev/launcher/internal/sidecar"
	"batchai.dev/launcher/internal/timing"
)

const (
	codeFailed = 1
	codeUsage  = 2
)

const usage = `usage: launcher sidecar | prepare | run | reader | files list|read|follow|tree|session ... | transfer serve|wait`

func main() {
	// The collector may work more often: the launcher shares the memory of somebody's job.
	debug.SetGCPercent(50)
	os.Exit(command(os.Args[1:]))
}

func command(arguments []string) int {
	if len(arguments) == 0 {
		_, _ = fmt.Fprintln(os.Stderr, usage)
		return codeUsage
	}
	if arguments[0] == "transfer" {
		return session.Command(arguments[1:], os.Stdin, os.Stdout, os.Stderr)
	}
	where := layout.FromEnvironment()
	times, err := timing.FromEnvironment()
	if err != nil {
		return failed(err)
	}
	p, err := plan.Parse(os.Getenv("BATCHAI_PLAN"))
	if err != nil {
		return failed(err)
	}
	times = times.Patient(p.Logs.PatienceSeconds)
	switch arguments[0] {
	case "sidecar":
		return sidecar.Run(where, p, times)
	case "prepare":
		if err := sidecar.Prepare(where, p, times); err != nil {
			// The event says no more than "PostStartHook failed"; the container that is ended for
			// it can say why, in initContainerStatuses[].lastState.terminated.message.
			_ = os.WriteFile(where.TerminationLog(), fmt.Appendf(nil, "batchai: %v\n", err), 0o666)
			return failed(err)
		}
		return 0
	case "run":
		return node.Run(where, p, times)
	case "reader":
		return sidecar.Read()
	case "files":
		return files.Command(arguments[1:], where, p, os.Stdout, os.Stderr)
	}
	_, _ = fmt.Fprintln(os.Stderr, usage)
	return codeUsage
}

func failed(err error) int {
	_, _ = fmt.Fprintf(os.Stderr, "batchai: %v\n", err)
	return codeFailed
}
