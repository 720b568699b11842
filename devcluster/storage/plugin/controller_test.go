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
)

// fakeKeys remembers what was stored, by namespace/name; err is what the API server says.
type fakeKeys struct {
	stored map[string]map[string]string
	err    error
}

func (f *fakeKeys) Store(_ context.Context, namespace, name string, data map[string]string) error {
	if f.err == nil {
		f.stored[namespace+"/"+name] = data
	}
	return f.err
}

func newShareController(t *testing.T) (*Controller, *fakeKeys) {
	t.Helper()
	keys := &fakeKeys{stored: map[string]map[string]string{}}
	return &Controller{
		Driver: contract.ShareDriver, Keys: keys,
		Storage: Storage{
			Accounts: account.Accounts{"acct": {"right"}, "zone": {"other"}},
			Shares:   account.Shares{Root: t.TempDir()},
		},
	}, keys
}

func order(name string, size int64, parameters ...string) *csi.CreateVolumeRequest {
	given := map[string]string{"csi.storage.k8s.io/pvc/namespace": "team"}
	for i := 0; i < len(parameters); i += 2 {
		given[parameters[i]] = parameters[i+1]
	}
	return &csi.CreateVolumeRequest{
		Name: name, Parameters: given, CapacityRange: &csi.CapacityRange{RequiredBytes: size},
		VolumeCapabilities: []*csi.VolumeCapability{{AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}}}},
	}
}

func TestShareIsMadeWithItsKeyAndDeletedWithItsFiles(t *testing.T) {
	controller, keys := newShareController(t)
	ctx := context.Background()
	made, err := controller.CreateVolume(ctx, order("pvc-1", 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	id := made.GetVolume().GetVolumeId()
	if id != "devcluster#acct#pvc-1###team" {
		t.Fatal(id)
	}
	if key := keys.stored["team/azure-storage-account-acct-secret"]["azurestorageaccountkey"]; key != "right" {
		t.Fatal(keys.stored)
	}
	folder, err := controller.Storage.Shares.Folder("acct", "pvc-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Asked again, it is found as it is; a bigger one cannot be had by its name.
	if again, err := controller.CreateVolume(ctx, order("pvc-1", 1<<30)); err != nil || again.GetVolume().GetVolumeId() != id {
		t.Fatal(again, err)
	}
	_, err = controller.CreateVolume(ctx, order("pvc-1", 2<<30))
	if want := "request file share(pvc-1) already exists, but its capacity 1 is smaller than 2"; status.Code(err) != codes.AlreadyExists || status.Convert(err).Message() != want {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: id}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := controller.CreateVolume(ctx, order("pvc-1", 2<<30)); err != nil {
		t.Fatal("the old quota is still there: ", err)
	}
}

func TestDeletingWhatNobodyMadeSucceeds(t *testing.T) {
	controller, _ := newShareController(t)
	for _, id := range []string{"by-hand", "devcluster#acct#nothing###team"} {
		if _, err := controller.DeleteVolume(context.Background(), &csi.DeleteVolumeRequest{VolumeId: id}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProvisioningRefusals(t *testing.T) {
	block := order("pvc-1", 1)
	block.VolumeCapabilities[0].AccessType = &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
	wrong := order("pvc-1", 1)
	wrong.Secrets = map[string]string{"azurestorageaccountname": "acct", "azurestorageaccountkey": "wrong"}
	half := order("pvc-1", 1)
	half.Secrets = map[string]string{"azurestorageaccountname": "acct"}
	for name, test := range map[string]struct {
		in   *csi.CreateVolumeRequest
		code codes.Code
		text string
	}{
		"parameter": {order("pvc-1", 1, "sku", "x"), codes.InvalidArgument, `invalid parameter "sku" in storage class`},
		"block":     {block, codes.InvalidArgument, "CreateVolume Volume capabilities not valid: block volume capability not supported"},
		"account":   {order("pvc-1", 1, "storageAccount", "gone"), codes.Internal, "failed to create file share(pvc-1) on account(gone) type() subsID() rg(devcluster) location() size(1), error: The Resource 'Microsoft.Storage/storageAccounts/gone' under resource group 'devcluster' was not found"},
		"share":     {order("pvc-1", 1, "shareName", "Not_A_Name"), codes.Internal, "failed to create file share(Not_A_Name) on account()"},
		"wrong key": {wrong, codes.Internal, "AuthenticationFailed"},
		"no key":    {half, codes.Internal, "could not find accountkey or azurestorageaccountkey field in secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			controller, keys := newShareController(t)
			_, err := controller.CreateVolume(context.Background(), test.in)
			if status.Code(err) != test.code || !strings.Contains(status.Convert(err).Message(), test.text) {
				t.Fatal(err)
			}
			if len(keys.stored) != 0 {
				t.Fatal(keys.stored)
			}
		})
	}
}

func TestWhereTheKeyGoes(t *testing.T) {
	for name, test := range map[string]struct {
		parameters []string
		want       string
	}{
		"not wanted":  {[]string{"storeAccountKey", "false"}, ""},
		"by its name": {[]string{"secretName", "mine", "secretNamespace", "keys"}, "keys/mine"},
		"an account":  {[]string{"storageAccount", "zone"}, "team/azure-storage-account-zone-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			controller, keys := newShareController(t)
			if _, err := controller.CreateVolume(context.Background(), order("pvc-1", 1, test.parameters...)); err != nil {
				t.Fatal(err)
			}
			for stored := range keys.stored {
				if stored != test.want {
					t.Fatal(stored)
				}
			}
			if test.want != "" && len(keys.stored) != 1 {
				t.Fatal("nothing is stored")
			}
		})
	}
	controller, keys := newShareController(t)
	keys.err = errors.New(`secrets is forbidden`)
	_, err := controller.CreateVolume(context.Background(), order("pvc-1", 1))
	if want := "failed to store storage account key: couldn't create secret secrets is forbidden"; status.Convert(err).Message() != want {
		t.Fatal(err)
	}
}

func TestCapabilitiesOfAVolume(t *testing.T) {
	controller, _ := newShareController(t)
	ctx := context.Background()
	made, err := controller.CreateVolume(ctx, order("pvc-1", 1))
	if err != nil {
		t.Fatal(err)
	}
	ask := &csi.ValidateVolumeCapabilitiesRequest{VolumeId: made.GetVolume().GetVolumeId(), VolumeCapabilities: order("", 0).VolumeCapabilities}
	if found, err := controller.ValidateVolumeCapabilities(ctx, ask); err != nil || found.GetConfirmed() == nil {
		t.Fatal(found, err)
	}
	ask.VolumeId = "devcluster#acct#other###team"
	if _, err := controller.ValidateVolumeCapabilities(ctx, ask); status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
}
