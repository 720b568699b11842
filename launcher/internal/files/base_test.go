package files

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"batchai.dev/launcher/internal/plan"
)

const uid = "0f8fad5b-d9cb-469f-a165-70867728950e"

// TestTheFolderItself: what the job puts in place of its folder, or above it, leads nowhere else.
func TestTheFolderItself(t *testing.T) {
	secret := []byte("of somebody else\n")
	cases := map[string]struct {
		swap func(share, own string) error
		want error
	}{
		"nothing":            {func(string, string) error { return nil }, nil},
		"folder to /":        {func(_, own string) error { return swap(own+"/outputs", "/") }, ErrEscapes},
		"folder to another":  {func(share, own string) error { return swap(own+"/outputs", share+"/other/outputs") }, ErrEscapes},
		"folder, relatively": {func(_, own string) error { return swap(own+"/outputs", "../../other/outputs") }, ErrEscapes},
		"the job's folder":   {func(_, own string) error { return swap(own, "../other") }, ErrEscapes},
		"a folder above":     {func(share, _ string) error { return swap(share+"/jobs", "/") }, ErrEscapes},
		"above, on the share": {func(share, own string) error {
			return errors.Join(os.Rename(share+"/jobs", share+"/moved"), os.Symlink("moved", share+"/jobs"))
		}, nil},
		"a file": {func(_, own string) error { return errors.Join(os.RemoveAll(own), os.WriteFile(own, nil, 0o600)) }, ErrNotFound},
		"gone":   {func(_, own string) error { return os.RemoveAll(own + "/outputs") }, ErrNotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			share := t.TempDir()
			own := filepath.Join(share, "jobs", uid)
			for folder, text := range map[string][]byte{own: []byte("mine\n"), share + "/other": secret} {
				if err := os.MkdirAll(folder+"/outputs", 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(folder+"/outputs/file", text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.swap(share, own); err != nil {
				t.Fatal(err)
			}
			p := &plan.Plan{Job: plan.Job{UID: uid}, Directories: map[string]string{"MODEL": own + "/outputs"}}
			var out bytes.Buffer
			folder, err := Open(p, "MODEL")
			if err == nil {
				err = folder.Read(&out, "file", 0, -1)
			}
			if !errors.Is(err, c.want) || bytes.Contains(out.Bytes(), secret) {
				t.Errorf("%q, %v", out.String(), err)
			}
		})
	}
}

// TestOurOwnLink: a folder below a link that the sidecar makes is found at the link's target.
func TestOurOwnLink(t *testing.T) {
	share := t.TempDir()
	if err := os.MkdirAll(share+"/"+uid+"/shared/model", 0o777); err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Job: plan.Job{UID: uid}, Directories: map[string]string{"MODEL": "/job/shared/model"},
		Links: []plan.Link{{Path: "/job/shared", Target: share + "/" + uid + "/shared"}}}
	if _, err := Open(p, "MODEL"); err != nil {
		t.Error(err)
	}
}

func swap(name, target string) error {
	return errors.Join(os.RemoveAll(name), os.Symlink(target, name))
}

// TestSwappedWhileReading: a file and a folder that become links and files again, as fast as can
// be, are never read through the link.
func TestSwappedWhileReading(t *testing.T) {
	share, outside := t.TempDir(), t.TempDir()
	own := filepath.Join(share, uid)
	for _, folder := range []string{own + "/real", outside + "/real"} {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{own + "/real/file": "mine", outside + "/real/file": "secret"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done, swapped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swapped)
		for {
			select {
			case <-done:
				return
			default:
			}
			// Either name is the real thing at one moment and a link out of the folder at the next.
			_ = os.Rename(own+"/real", own+"/aside")
			_ = os.Symlink(outside+"/real", own+"/real")
			_ = os.Remove(own + "/real")
			_ = os.Rename(own+"/aside", own+"/real")
		}
	}()
	read := 0
	for _, directories := range []map[string]string{{"ID": own}, {"ID": own + "/real"}} {
		name := "real/file"
		if directories["ID"] != own {
			name = "file"
		}
		for range 2000 {
			var out bytes.Buffer
			folder, err := Open(&plan.Plan{Job: plan.Job{UID: uid}, Directories: directories}, "ID")
			if err == nil {
				err = folder.Read(&out, name, 0, -1)
				_ = folder.root.Close()
			}
			if out.String() == "secret" {
				t.Fatal("the link was followed")
			}
			if err == nil {
				read++
			}
		}
	}
	close(done)
	<-swapped
	if read == 0 {
		t.Error("nothing was ever read")
	}
}
