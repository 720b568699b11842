package expand

import (
	"slices"
	"strings"
	"testing"

	"batchai.dev/launcher/internal/plan"
)

// FuzzShared: programs get the user's bytes, references apart; nothing grows without bound, and
// nothing of the launcher's own gets through.
func FuzzShared(f *testing.F) {
	f.Add("A", "$B${C}$$(A)", "B", "\xff\n'\"`", "s$A", "10.0.0.4")
	f.Add("A", strings.Repeat("$R", 9000), "A", "$A$A", "", "")
	f.Add("BATCHAI_PLAN", "x", "PYTHONUNBUFFERED", "", "$BATCHAI_PLAN", "{{node 0}}")
	f.Add("R", "{{node 1}}", "R", "{{node 99999999999999999999}}", "", "a")
	f.Fuzz(func(t *testing.T, one, first, two, second, secret, address string) {
		for _, name := range []string{one, two} {
			if name == "" || strings.ContainsAny(name, "=\x00$") || name == "SECRET" || name == "R" {
				return
			}
		}
		p := &plan.Plan{UserEnvironment: []string{one, two}, SecretEnvironment: []string{"SECRET"},
			Environment: []plan.Variable{{Name: "R", Value: "{{node 0}}" + second, Addresses: true}}}
		shared, err := Shared([]string{one + "=" + first, two + "=" + second, "SECRET=" + secret, "=", "x"}, p, []string{address})
		if err != nil {
			return
		}
		for name, value := range shared {
			if slices.Contains([]string{"BATCHAI_PLAN", "BATCHAI_JOB_KEY", "BATCHAI_POD_IP"}, name) {
				t.Errorf("%s gets through", name)
			}
			if name != "R" && name != "SECRET" && len(value) > max(longest, len(first), len(second)) {
				t.Errorf("%s has %d bytes", name, len(value))
			}
		}
		if shared["SECRET"] != secret {
			t.Errorf("secret %q became %q", secret, shared["SECRET"])
		}
		if !strings.Contains(first, "$") && one != two && shared[one] != first && one != "BATCHAI_PLAN" &&
			one != "BATCHAI_JOB_KEY" && one != "BATCHAI_POD_IP" && one != "BATCHAI_ROOT" && one != "BATCHAI_TIMING" {
			t.Errorf("%q became %q", first, shared[one])
		}
		if _, err := Task(shared, p.Environment, []string{address}); err != nil {
			t.Error(err)
		}
	})
}
