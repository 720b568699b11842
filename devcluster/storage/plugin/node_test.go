package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"batchai.dev/devcluster/storage/account"
	"batchai.dev/devcluster/storage/contract"
	"batchai.dev/devcluster/storage/mounting"
)

// fakeMounter remembers what it was asked for.
type fakeMounter struct {
	specs []mounting.Spec
	binds []string
	// dead are targets whose mount nobody serves, as after a restart of the driver.
	mounted, dead map[string]bool
}

func (f *fakeMounter) State(target string) (bool, bool, error) {
	return f.mounted[target], f.mounted[target] && !f.dead[target], nil
}

func (f *fakeMounter) Mount(spec mounting.Spec) error {
	f.specs = append(f.specs, spec)
	f.mounted[spec.Target] = true
	delete(f.dead, spec.Target)
	return nil
}

func (f *fakeMounter) Bind(source, target string, readOnly bool) error {
	how := "rw"
	if readOnly {
		how = "ro"
	}
	f.binds = append(f.binds, source+" "+target+" "+how)
	f.mounted[target] = true
	return nil
}

func (f *fakeMounter) Unmount(target string) error {
	delete(f.mounted, target)
	return nil
}

// fakeSecrets answer as the API server does.
type fakeSecrets map[string]map[string]string

func (f fakeSecrets) Read(_ context.Context, namespace, name string) (map[string]string, error) {
	if data, there := f[namespace+"/"+name]; there {
		return data, nil
	}
	return nil, errors.New(`secrets "` + name + `" not found`)
}

func newShareNode(t *testing.T) (*Node, *fakeMounter) {
	t.Helper()
	shares := account.Shares{Root: t.TempDir()}
	if err := shares.Create("acct", "logs"); err != nil {
		t.Fatal(err)
	}
	mounter := &fakeMounter{mounted: map[string]bool{}, dead: map[string]bool{}}
	good := map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "right"}
	return &Node{
		Driver: contract.ShareDriver,
		Secrets: fakeSecrets{
			"team/good":     good,
			"team/wrong":    {"azurestorageaccountname": "acct", "azurestorageaccountkey": "wrong"},
			"team/nokey":    {"azurestorageaccountname": "acct"},
			"team/stranger": {"azurestorageaccountname": "other", "azurestorageaccountkey": "right"},
			"other/theirs":  good,
		},
		Storage: Storage{Accounts: account.Accounts{"acct": {"old", "right"}}, Shares: shares},
		Mounter: mounter,
	}, mounter
}

func publish(target string, pairs ...string) *csi.NodePublishVolumeRequest {
	attributes := map[string]string{
		"csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.namespace": "team",
	}
	for i := 0; i < len(pairs); i += 2 {
		attributes[pairs[i]] = pairs[i+1]
	}
	return &csi.NodePublishVolumeRequest{
		VolumeId: "csi-1", TargetPath: target, VolumeContext: attributes,
		VolumeCapability: &csi.VolumeCapability{AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}}},
	}
}

func TestShareRefusalsAtMountTime(t *testing.T) {
	for name, test := range map[string]struct {
		attributes []string
		code       codes.Code
		text       string
	}{
		"wrong key":         {[]string{"shareName", "logs", "secretName", "wrong"}, codes.Internal, "mount error(13): Permission denied"},
		"no such share":     {[]string{"shareName", "nothing", "secretName", "good"}, codes.Internal, "mount error(2): No such file or directory"},
		"no such account":   {[]string{"shareName", "logs", "secretName", "stranger"}, codes.Internal, "could not resolve address for other.file.core.windows.net"},
		"no such Secret":    {[]string{"shareName", "logs", "secretName", "gone"}, codes.InvalidArgument, `could not get secret(gone): secrets "gone" not found`},
		"Secret of another": {[]string{"shareName", "logs", "secretName", "theirs", "secretNamespace", "other"}, codes.InvalidArgument, "could not get secret(theirs)"},
		"Secret, no key":    {[]string{"shareName", "logs", "secretName", "nokey"}, codes.Internal, "accountName(acct) or accountKey is empty"},
		"no secretName":     {[]string{"shareName", "logs", "storageAccount", "acct"}, codes.InvalidArgument, "failed to get account name from csi-1"},
		"no share name":     {[]string{"secretName", "good"}, codes.InvalidArgument, "failed to get file share name from csi-1"},
		"bad option":        {[]string{"shareName", "logs", "secretName", "good", "mountOptions", "allow_other"}, codes.Internal, "mount error(22): Invalid argument"},
		"no such folder":    {[]string{"shareName", "logs", "secretName", "good", "folderName", "deep"}, codes.Internal, "mount error(2): No such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			node, mounter := newShareNode(t)
			_, err := node.NodePublishVolume(context.Background(), publish("/t", test.attributes...))
			if status.Code(err) != test.code || !strings.Contains(status.Convert(err).Message(), test.text) {
				t.Fatalf("got %v", err)
			}
			if len(mounter.specs) != 0 {
				t.Fatal("it was mounted all the same")
			}
			if strings.Contains(err.Error(), "right") || strings.Contains(err.Error(), "wrong,") {
				t.Fatal("a key is in the message")
			}
		})
	}
}

func TestInlineShareIsMountedOnceHoweverOftenTheKubeletAsks(t *testing.T) {
	node, mounter := newShareNode(t)
	request := publish("/t", "shareName", "logs", "secretName", "good", "mountOptions", "uid=1000,dir_mode=0750")
	for range 3 {
		if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	if len(mounter.specs) != 1 {
		t.Fatalf("mounted %d times", len(mounter.specs))
	}
	spec := mounter.specs[0]
	if spec.Source != "//acct.file.core.windows.net/logs" || spec.Share.Cifs.UID != 1000 || spec.Share.Cifs.DirMode != 0o750 {
		t.Fatalf("got %+v, %+v", spec, spec.Share)
	}
	// The Secret may go: a mounted share stays (requiresRepublish must not disturb it).
	node.Secrets = fakeSecrets{}
	if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
		t.Fatal(err)
	}
}

func TestMountThatNobodyServesIsMountedAgain(t *testing.T) {
	node, mounter := newShareNode(t)
	mounter.mounted["/t"], mounter.dead["/t"] = true, true
	if _, err := node.NodePublishVolume(context.Background(), publish("/t", "shareName", "logs", "secretName", "good")); err != nil {
		t.Fatal(err)
	}
	if len(mounter.specs) != 1 {
		t.Fatal("a dead mount was taken for a good one")
	}
}

func TestFolderOfAShareIsCreatedWhenAskedFor(t *testing.T) {
	node, mounter := newShareNode(t)
	request := publish("/t", "shareName", "logs", "secretName", "good", "folderName", "a/b", "createFolderIfNotExist", "true")
	if _, err := node.NodePublishVolume(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(node.Storage.Shares.Root, "shares", "acct", "logs", "a", "b")
	if _, err := os.Stat(want); err != nil || mounter.specs[0].Share.Folder != want {
		t.Fatalf("got %s, %v", mounter.specs[0].Share.Folder, err)
	}
	_, err := node.NodePublishVolume(context.Background(), publish("/u", "shareName", "logs", "secretName", "good", "folderName", "../../x"))
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("got %v", err)
	}
}

func TestStaticVolumeIsStagedOnceAndBound(t *testing.T) {
	node, mounter := newShareNode(t)
	capability := &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{
			MountFlags: []string{"dir_mode=0755"}, VolumeMountGroup: "2000",
		}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER},
	}
	attributes := map[string]string{"shareName": "logs"}
	stage := &csi.NodeStageVolumeRequest{
		VolumeId: "v", StagingTargetPath: "/stage", VolumeCapability: capability, VolumeContext: attributes,
		Secrets: map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "right"},
	}
	publishing := &csi.NodePublishVolumeRequest{
		VolumeId: "v", StagingTargetPath: "/stage", TargetPath: "/pod", VolumeCapability: capability,
		VolumeContext: attributes, Readonly: true,
	}
	for range 2 {
		if _, err := node.NodeStageVolume(context.Background(), stage); err != nil {
			t.Fatal(err)
		}
		if _, err := node.NodePublishVolume(context.Background(), publishing); err != nil {
			t.Fatal(err)
		}
	}
	if len(mounter.specs) != 1 || mounter.specs[0].Share.Cifs.GID != 2000 || mounter.specs[0].Share.Cifs.DirMode != 0o755 {
		t.Fatalf("staged %+v", mounter.specs)
	}
	if len(mounter.binds) != 1 || mounter.binds[0] != "/stage /pod ro" {
		t.Fatalf("bound %v", mounter.binds)
	}
	stage.StagingTargetPath = "/elsewhere"
	stage.Secrets["azurestorageaccountkey"] = "wrong"
	if _, err := node.NodeStageVolume(context.Background(), stage); !strings.Contains(status.Convert(err).Message(), "mount error(13)") {
		t.Fatalf("got %v", err)
	}
}

func TestTwoOperationsOnOnePathDoNotMix(t *testing.T) {
	node, _ := newShareNode(t)
	node.busy.take("/t")
	_, err := node.NodePublishVolume(context.Background(), publish("/t", "shareName", "logs", "secretName", "good"))
	if status.Code(err) != codes.Aborted || !strings.Contains(err.Error(), "An operation with the given Volume ID csi-1 already exists") {
		t.Fatalf("got %v", err)
	}
}

func TestBlobWithoutCredentials(t *testing.T) {
	node, _ := newShareNode(t)
	node.Driver = contract.BlobDriver
	for secret, text := range map[string]string{
		"gone":  `could not get secret(gone): secrets "gone" not found`,
		"nokey": "config error in azstorage [storage key not provided]",
		"":      "config error in azstorage [account name not provided]",
	} {
		_, err := node.NodePublishVolume(context.Background(), publish("/t", "containerName", "data", "secretName", secret))
		if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), text) {
			t.Errorf("%q: got %v", secret, err)
		}
	}
}
