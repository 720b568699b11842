package session

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Place is where a transfer Pod mounts its volume.
const Place = "/place"

const (
	codeFailed = 1
	codeUsage  = 2
	usage      = "usage: launcher transfer serve [--root DIR] | wait [--idle DURATION]"
)

// Command runs `transfer WORD ...`, which needs no plan, and returns its exit code.
func Command(arguments []string, in io.Reader, out, problems io.Writer) int {
	if len(arguments) == 0 || !slices.Contains([]string{"serve", "wait"}, arguments[0]) {
		_, _ = fmt.Fprintln(problems, usage)
		return codeUsage
	}
	flags := flag.NewFlagSet("transfer "+arguments[0], flag.ContinueOnError)
	flags.SetOutput(problems)
	folder := flags.String("root", Place, "the folder to serve")
	idle := flags.Duration("idle", 2*time.Minute, "how long to wait for another conversation")
	if flags.Parse(arguments[1:]) != nil || flags.NArg() > 0 {
		return codeUsage
	}
	if arguments[0] == "wait" {
		return wait(*idle)
	}
	root, err := os.OpenRoot(*folder)
	if err == nil {
		defer root.Close()
		err = Serve(root, true, in, out)
	}
	if err != nil {
		_, _ = fmt.Fprintf(problems, "batchai: %v\n", err)
		return codeFailed
	}
	return 0
}

// wait keeps a Pod alive while conversations are held in it, and ends it when nobody has come for
// a while: a client that was killed leaves nothing behind that costs anything.
func wait(idle time.Duration) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	for last := time.Now(); time.Since(last) < idle; {
		select {
		case <-stop:
			return 0
		case <-time.After(min(idle, time.Second)):
		}
		if othersRun("/proc") {
			last = time.Now()
		}
	}
	return 0
}

// othersRun tells whether there are processes besides the caller.
func othersRun(proc string) bool {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		pid, err := strconv.Atoi(entry.Name())
		return err == nil && pid != os.Getpid()
	})
}
