package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/plugin"
)

// controller serves the controllers of Azure's two drivers, each to a provisioner beside it.
func controller(arguments []string) error {
	flags := flag.NewFlagSet("controller", flag.ContinueOnError)
	folder := flags.String("sockets", "/sockets", "folder that is shared with the provisioners")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	storage, err := configured()
	if err != nil {
		return err
	}
	keys, err := plugin.NewAPIServer()
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	for _, driver := range []string{contract.BlobDriver, contract.ShareDriver} {
		served := &plugin.Controller{Driver: driver, Storage: storage, Keys: keys}
		stop, err := plugin.ServeController(served, *folder, failed)
		if err != nil {
			return err
		}
		defer stop()
	}
	log.Print("controllers of blob.csi.azure.com and file.csi.azure.com are ready")
	stopping := make(chan os.Signal, 1)
	signal.Notify(stopping, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		return err
	case <-stopping:
		return nil
	}
}
