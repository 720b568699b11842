package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"       // Listens on the node address only.
	_ "github.com/coredns/coredns/plugin/cache"      // Answers repeated names from memory.
	_ "github.com/coredns/coredns/plugin/errors"     // Logs failed queries.
	_ "github.com/coredns/coredns/plugin/forward"    // Sends other names to the machine's own resolver.
	_ "github.com/coredns/coredns/plugin/health"     // Serves /health.
	_ "github.com/coredns/coredns/plugin/kubernetes" // Answers for Services and Pods.
	_ "github.com/coredns/coredns/plugin/ready"      // Serves /ready.
	_ "github.com/coredns/coredns/plugin/reload"     // Reads a changed Corefile.
)

// runCoreDNS runs CoreDNS with the few plugins that a cluster's DNS needs. The
// order of the directives is the order in which a query passes the plugins.
func runCoreDNS() int {
	dnsserver.Directives = []string{
		"bind", "reload", "health", "ready", "errors", "cache", "kubernetes", "forward",
	}
	coremain.Run()
	return 0
}
