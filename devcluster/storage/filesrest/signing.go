// Package filesrest answers the small part of Azure Files' REST that makes shares.
//
// There is no emulator of Azure Files. The operator makes the share of auto-storage by Azure's own
// SDK, so this answers what the SDK asks for that: "create share" and "get share properties", with
// the account's key checked as Azure does. Everything else is refused. Package main serves it.
package filesrest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"batchai.dev/devcluster/storage/account"
)

// The headers that are signed, in this order; a length of zero is signed as nothing.
var signed = []string{
	"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
	"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
}

// authenticate returns the account that signed a request with one of its keys.
func authenticate(r *http.Request, accounts account.Accounts) (string, bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	name, signature, isWhole := strings.Cut(rest, ":")
	if scheme != "SharedKey" || !isWhole {
		return "", false
	}
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return "", false
	}
	text := stringToSign(r, name)
	for _, key := range accounts[name] {
		secret, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			continue
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		if hmac.Equal(given, mac.Sum(nil)) {
			return name, true
		}
	}
	return "", false
}

func stringToSign(r *http.Request, name string) string {
	var text strings.Builder
	text.WriteString(r.Method + "\n")
	for _, header := range signed {
		value := r.Header.Get(header)
		if header == "Content-Length" {
			value = ""
			if r.ContentLength > 0 {
				value = strconv.FormatInt(r.ContentLength, 10)
			}
		}
		text.WriteString(value + "\n")
	}
	var own []string
	for header, values := range r.Header {
		if lower := strings.ToLower(header); strings.HasPrefix(lower, "x-ms-") {
			own = append(own, lower+":"+strings.Join(values, ",")+"\n")
		}
	}
	// Azure sorts by a table of weights, which for these headers is the order of the letters.
	sort.Strings(own)
	text.WriteString(strings.Join(own, ""))
	text.WriteString("/" + name + r.URL.EscapedPath())
	query := r.URL.Query()
	names := make([]string, 0, len(query))
	for parameter := range query {
		names = append(names, parameter)
	}
	sort.Strings(names)
	for _, parameter := range names {
		text.WriteString("\n" + strings.ToLower(parameter) + ":" + strings.Join(query[parameter], ","))
	}
	return text.String()
}
