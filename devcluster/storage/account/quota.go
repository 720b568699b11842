package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DefaultQuota is what a share may hold, in GiB, that was made without a quota.
const DefaultQuota = 5120

// Quota returns what a share may hold, in GiB, or ErrNoShare. Nothing keeps anybody within it.
func (s Shares) Quota(account, share string) (int64, error) {
	if _, err := s.Folder(account, share); err != nil {
		return 0, err
	}
	content, err := os.ReadFile(s.quotaFile(account, share))
	if errors.Is(err, fs.ErrNotExist) {
		return DefaultQuota, nil
	}
	if err != nil {
		return 0, err
	}
	quota, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("quota of share %s: %w", share, err)
	}
	return quota, nil
}

// CreateWithQuota makes a share that may hold so many GiB; one that is there stays as it is.
func (s Shares) CreateWithQuota(account, share string, quota int64) error {
	if _, err := s.Folder(account, share); err == nil {
		return nil
	}
	file := s.quotaFile(account, share)
	// The quota first: a share without one would have another quota when it is asked for again.
	if shareRule.MatchString(share) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(strconv.FormatInt(quota, 10)+"\n"), 0o644); err != nil {
			return err
		}
	}
	return s.Create(account, share)
}

// Delete removes a share with all its files; one that is not there is no error.
func (s Shares) Delete(account, share string) error {
	folder, err := s.Folder(account, share)
	if errors.Is(err, ErrNoShare) {
		return nil
	}
	if err != nil {
		return err
	}
	err = os.RemoveAll(folder)
	for _, file := range []string{s.quotaFile(account, share), s.FaultFile(account, share)} {
		if gone := os.Remove(file); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (s Shares) quotaFile(account, share string) string {
	return filepath.Join(s.Root, "quotas", account, share)
}
