// Package naming spells names of files for JSON, which has no letters for bytes that are not UTF-8.
//
// The listings of files and session are its callers. encoding/json would put the same U+FFFD for all
// such bytes, so that two files would be listed under one name.
package naming

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Spell returns a name as JSON can carry it, and, only where that is not the name itself, the bytes of
// the name in base64. In such a name each byte that is not UTF-8 is spelt `\xHH`, and a backslash `\\`,
// so that no two of them are spelt alike.
func Spell(name string) (text, raw string) {
	if utf8.ValidString(name) {
		return name, ""
	}
	var spelt strings.Builder
	for at := 0; at < len(name); {
		letter, size := utf8.DecodeRuneInString(name[at:])
		switch {
		case letter == utf8.RuneError && size == 1:
			fmt.Fprintf(&spelt, `\x%02x`, name[at])
		case letter == '\\':
			spelt.WriteString(`\\`)
		default:
			spelt.WriteRune(letter)
		}
		at += size
	}
	return spelt.String(), base64.StdEncoding.EncodeToString([]byte(name))
}
