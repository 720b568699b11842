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
