package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/contract"
)

func TestNFSIsMountedByPublishAndNeverStaged(t *testing.T) {
	node, mounter := newShareNode(t)
	node.Driver = contract.NFSDriver
	target := filepath.Join(t.TempDir(), "mount")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	request := publish(target, "server", "10.0.0.4", "share", "/data", "mountPermissions", "0750")
	request.VolumeCapability.GetMount().MountFlags = []string{"nfsvers=4.1", "soft"}
	for range 2 {
		if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	if len(mounter.specs) != 1 || mounter.specs[0].Source != "10.0.0.4:/data" || !mounter.specs[0].NFS.Options.Soft {
		t.Fatalf("%+v", mounter.specs)
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o750 {
		t.Fatalf("%v %v", info, err)
	}
	if _, err := node.NodeStageVolume(context.Background(), &csi.NodeStageVolumeRequest{}); status.Code(err) != codes.Unimplemented {
		t.Fatal(err)
	}
	request.TargetPath = "/other"
	request.VolumeCapability.GetMount().MountFlags = []string{"file_mode=0777"}
	_, err := node.NodePublishVolume(context.Background(), request)
	want := "mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs -o file_mode=0777 10.0.0.4:/data /other\n" +
		"Output: mount.nfs: an incorrect mount option was specified"
	if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), want) {
		t.Fatal(err)
	}
}

func TestSMBRefusalsAtMountTime(t *testing.T) {
	const known = "//smb.batchai-storage.svc/logs"
	for name, test := range map[string]struct{ source, secret, options, text string }{
		"wrong password": {known, "wrongUser", "", "mount error(13): Permission denied"},
		"another's name": {"//acct.file.core.windows.net/logs", "stranger", "", "mount error(13): Permission denied"},
		"no such share":  {"//smb.batchai-storage.svc/nothing", "user", "", "mount error(2): No such file or directory"},
		"no such folder": {known + "/deep", "user", "", "mount error(2): No such file or directory"},
		"no such server": {"//other/logs", "user", "", "mount error: could not resolve address for other: Unknown error"},
		"bad option":     {known, "user", "allow_other", "mount error(22): Invalid argument"},
		"no Secret":      {known, "gone", "", `Error getting username and password from secret gone in namespace team: could not get username and password from secret(gone): secrets "gone" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			node, mounter := newShareNode(t)
			node.Driver = contract.SMBDriver
			node.Secrets = fakeSecrets{
				"team/user":      {"username": "acct", "password": "right"},
				"team/wrongUser": {"username": "acct", "password": "wrong"},
				"team/stranger":  {"username": "other", "password": "right"},
			}
			_, err := node.NodePublishVolume(context.Background(),
				publish("/t", "source", test.source, "secretName", test.secret, "mountOptions", test.options))
			if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), test.text) {
				t.Fatal(err)
			}
			if len(mounter.specs) != 0 {
				t.Fatal("it was mounted all the same")
			}
		})
	}
}

func TestSMBIsMountedWithTheModesOfMountCifs(t *testing.T) {
	node, mounter := newShareNode(t)
	node.Driver = contract.SMBDriver
	_, err := node.NodeStageVolume(context.Background(), &csi.NodeStageVolumeRequest{
		VolumeId: "v", StagingTargetPath: "/stage",
		VolumeContext: map[string]string{"source": "//acct.file.core.windows.net/logs"},
		Secrets:       map[string]string{"username": "acct", "password": "right"},
		VolumeCapability: &csi.VolumeCapability{AccessType: &csi.VolumeCapability_Mount{
			Mount: &csi.VolumeCapability_MountVolume{MountFlags: []string{"file_mode=0640"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cifs := mounter.specs[0].Share.Cifs
	if cifs.FileMode != 0o640 || cifs.DirMode != 0o755 {
		t.Fatalf("%+v", cifs)
	}
}
