package naming

import (
	"encoding/base64"
	"testing"
)

func TestSpell(t *testing.T) {
	for name, want := range map[string]string{
		"ä\\x":             "ä\\x",
		"\ufffd":           "\ufffd",
		"bad\xff":          `bad\xff`,
		"bad\xfe":          `bad\xfe`,
		`bad\xfe` + "\xff": `bad\\xfe\xff`,
		"ä\xc3/b":          `ä\xc3/b`,
	} {
		text, raw := Spell(name)
		if text != want {
			t.Errorf("%q is spelt %q, want %q", name, text, want)
		}
		if (raw != "") != (text != name) {
			t.Errorf("%q: raw is %q", name, raw)
		}
		if bytes, err := base64.StdEncoding.DecodeString(raw); raw != "" && (err != nil || string(bytes) != name) {
			t.Errorf("%q is not %q: %v", bytes, name, err)
		}
	}
}
