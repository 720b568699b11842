package contract

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestClassesThatComeWithTheStandIn holds the manifest to the rules: its options must mount.
func TestClassesThatComeWithTheStandIn(t *testing.T) {
	content, err := os.ReadFile("../manifests/provisioning/storageclasses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^mountOptions: \[(.*)\]$`).FindSubmatch(content)
	lines := regexp.MustCompile(`(?m)^  - (.*)$`).FindAllSubmatch(content, -1)
	if list == nil || len(lines) < 5 {
		t.Fatalf("%q %q", list, lines)
	}
	if _, isValid := ParseCifs(strings.Split(string(list[1]), ", ")); !isValid {
		t.Fatalf("%s", list[1])
	}
	var options []string
	for _, line := range lines {
		options = append(options, string(line[1]))
	}
	if fuse, complaint := ParseFuse(options); complaint != "" || !fuse.AllowOther {
		t.Fatal(options, complaint)
	}
	for _, parameter := range regexp.MustCompile(`(?m)^  (skuName): (.*)$`).FindAllSubmatch(content, -1) {
		given := pairs(string(parameter[1]), string(parameter[2]))
		if _, err := ProvisionBlob(volume, given); err != nil {
			t.Fatal(err)
		}
		if _, err := ProvisionShare(volume, 1, given); err != nil {
			t.Fatal(err)
		}
	}
}
