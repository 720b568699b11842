// Program storage stands in for four storage drivers on a development cluster: Azure's two, and those
// for NFS and SMB.
//
//	storage node        the CSI node plugins
//	storage controller  the controllers of Azure's two, for a provisioner
//	storage mount       serves one mount (started by `node`, not by people)
//	storage files       Azure Files' REST, as far as making a share (see filesrest/)
//	storage admin ...   shares, containers, files and faults (see admin/)
//
// Nothing in production uses it. README.md lists the contract that it keeps.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/admin"
	"batchai.dev/devcluster/storage/blobfs"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/entra"
	"batchai.dev/devcluster/storage/filesrest"
	"batchai.dev/devcluster/storage/keyvault"
	"batchai.dev/devcluster/storage/mounting"
	"batchai.dev/devcluster/storage/nfsfs"
	"batchai.dev/devcluster/storage/plugin"
	"batchai.dev/devcluster/storage/sharefs"
)

const usage = `usage: storage node [flags]
       storage controller [flags]
       storage files
       storage admin share create NAME | container create NAME
       storage admin put PLACE <tar | get PLACE >tar | ls PLACE | rm PLACE
       storage admin fault SHARE hang|eio|full|clear [SECONDS]
       storage admin nfs PLACE on|off
       storage admin identity put CLIENT_ID [subject=SUBJECT|role=ROLE|node]... | identity rm CLIENT_ID
       storage admin vault put URL SECRET <value
PLACE is share/NAME[/PATH] or container/NAME[/PATH]`

var errUsage = errors.New(usage)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errUsage
	}
	switch arguments[0] {
	case "node":
		return node(arguments[1:])
	case "controller":
		return controller(arguments[1:])
	case "mount":
		return mounting.Serve(os.Stdin, os.Stdout, func(spec mounting.Spec) (mounting.Served, error) {
			switch {
			case spec.Share != nil:
				return sharefs.Mount(spec)
			case spec.NFS != nil:
				return nfsfs.Mount(spec)
			}
			return blobfs.Mount(spec)
		})
	case "files":
		storage, err := configured()
		if err != nil {
			return err
		}
		return filesrest.Serve(setting("STORAGE_FILES_ADDRESS", ":10004"), storage.Accounts, storage.Shares)
	case "admin":
		return administer(arguments[1:])
	}
	return errUsage
}

// setting returns a variable of the environment or its default.
func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func configured() (plugin.Storage, error) {
	accounts, err := account.ParseAccounts(os.Getenv("AZURITE_ACCOUNTS"))
	if err == nil && len(accounts) == 0 {
		err = errors.New("AZURITE_ACCOUNTS names no account")
	}
	data := setting("STORAGE_DATA", "/data")
	return plugin.Storage{
		Accounts:     accounts,
		Shares:       account.Shares{Root: data},
		Exports:      account.Exports{Root: data},
		Directory:    entra.Directory{File: filepath.Join(data, "entra", "identities.json")},
		Vaults:       keyvault.Vaults{File: filepath.Join(data, "entra", "vaults.json")},
		FilesPort:    setting("STORAGE_FILES_PORT", "10004"),
		BlobEndpoint: setting("STORAGE_BLOB_ENDPOINT", "http://azurite.batchai-storage:10000/{account}"),
		Caches:       setting("STORAGE_CACHES", "/caches"),
	}, err
}

func node(arguments []string) error {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	name := flags.String("node", os.Getenv("NODE_NAME"), "name of this node")
	root := flags.String("kubelet-root", "/var/lib/kubelet", "the kubelet's folder, at the same path here")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	storage, err := configured()
	if err != nil {
		return err
	}
	server, err := plugin.NewAPIServer()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	children := &mounting.Children{Command: []string{self, "mount"}}
	failed := make(chan error, 8)
	for _, driver := range []string{contract.BlobDriver, contract.ShareDriver, contract.NFSDriver, contract.SMBDriver} {
		served := &plugin.Node{
			Driver: driver, NodeID: *name, Storage: storage, Secrets: server, Tokens: server, Mounter: children,
		}
		stop, err := plugin.Serve(served, *root, *root, failed)
		if err != nil {
			return err
		}
		defer stop()
	}
	stopping := make(chan os.Signal, 1)
	signal.Notify(stopping, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		children.Close()
		return err
	case <-stopping:
		log.Print("stopping; what is mounted now answers nobody until its Pod is made anew")
		children.Close()
		return nil
	}
}

func administer(arguments []string) error {
	storage, err := configured()
	if err != nil {
		return err
	}
	// The first account by name; the stand-in of a cluster has one.
	names := make([]string, 0, len(storage.Accounts))
	for name := range storage.Accounts {
		names = append(names, name)
	}
	sort.Strings(names)
	name := setting("STORAGE_ACCOUNT", names[0])
	if len(storage.Accounts[name]) == 0 {
		return fmt.Errorf("there is no account %q", name)
	}
	a := admin.Admin{
		Account: name, Key: storage.Accounts[name][0], Shares: storage.Shares,
		BlobEndpoint: storage.BlobEndpoint, Out: os.Stdout,
	}
	ctx := context.Background()
	verb, rest := strings.Join(arguments[:min(2, len(arguments))], " "), arguments[min(2, len(arguments)):]
	switch {
	case verb == "share create" && len(rest) == 1:
		return a.CreateShare(rest[0])
	case verb == "container create" && len(rest) == 1:
		return a.CreateContainer(ctx, rest[0])
	case len(arguments) == 2 && arguments[0] == "put":
		return a.Put(ctx, arguments[1], os.Stdin)
	case len(arguments) == 2 && arguments[0] == "get":
		return a.Get(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "ls":
		return a.List(ctx, arguments[1])
	case len(arguments) == 2 && arguments[0] == "rm":
		return a.Remove(ctx, arguments[1])
	case len(arguments) == 3 && arguments[0] == "nfs":
		return a.OfferNFS(storage.Exports, arguments[1], arguments[2])
	case verb == "identity put" && len(rest) > 0:
		return admin.PutIdentity(storage.Directory, rest[0], rest[1:])
	case verb == "identity rm" && len(rest) == 1:
		return storage.Directory.Remove(rest[0])
	case verb == "vault put" && len(rest) == 2:
		return admin.PutSecret(storage.Vaults, rest[0], rest[1], os.Stdin, os.Stdout)
	case len(arguments) >= 3 && len(arguments) <= 4 && arguments[0] == "fault":
		seconds := 0
		if len(arguments) == 4 {
			if seconds, err = strconv.Atoi(arguments[3]); err != nil {
				return fmt.Errorf("%q is no number of seconds", arguments[3])
			}
		}
		return a.Fault(arguments[1], arguments[2], seconds)
	}
	return errUsage
}
