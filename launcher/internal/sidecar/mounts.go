package sidecar

import (
	"os"
	"slices"
	"strings"
)

// sharedRoot is where all volumes of jobs and clusters appear (spec 4.1).
const sharedRoot = "/mnt/batch/tasks/shared/LS_root/"

type mount struct{ source, path, kind string }

// mounts lists the volumes of jobs and clusters from the kernel's list of mounts.
func mounts(list string) []mount {
	text, err := os.ReadFile(list)
	if err != nil {
		return nil
	}
	var found []mount
	for line := range strings.Lines(string(text)) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 {
			continue
		}
		path := unescape(left[4])
		if strings.HasPrefix(path, sharedRoot) && strings.Contains(path, "/mounts/") {
			found = append(found, mount{source: unescape(right[1]), path: path, kind: right[0]})
		}
	}
	slices.SortFunc(found, func(a, b mount) int { return strings.Compare(a.path, b.path) })
	return found
}

// unescape undoes the kernel's octal escapes of blanks and backslashes.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}
