package filesrest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"batchai.dev/devcluster/storage/account"
)

const (
	key   = "c2VjcmV0LWtleQ=="
	share = "/batchaishare-team?restype=share"
)

// Two requests as azure-storage-file-share 12.27.1 for Python sent them, recorded; signing them again
// here would only compare this package with itself.
var recorded = map[string][2]string{
	http.MethodGet: {"8e350650-e85f-11f1-a0b3-02fc00000001", "FOpTB1JHIs2hEZJ2vbZqXD92acMRvaZfXpU7kX6R6qM="},
	http.MethodPut: {"8e3753ce-e85f-11f1-a0b3-02fc00000001", "Tw3nV3Oq8NIsgnewFffCzb6oaknIRxyDuVlS6aolZO8="},
}

func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("x-ms-version", "2026-10-06")
	r.Header.Set("x-ms-date", "Tue, 24 Nov 2026 23:34:13 GMT")
	r.Header.Set("x-ms-client-request-id", recorded[method][0])
	r.Header.Set("Authorization", "SharedKey batchaidev:"+recorded[method][1])
	return r
}

func answer(t *testing.T, h Handler, r *http.Request, status int, code string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != status || w.Header().Get("x-ms-error-code") != code {
		t.Errorf("%s %s: %d %q, want %d %q", r.Method, r.URL, w.Code, w.Header().Get("x-ms-error-code"), status, code)
	}
}

func handler(t *testing.T, key string) Handler {
	return Handler{account.Accounts{"batchaidev": {key}}, account.Shares{Root: t.TempDir()}}
}

func TestAShareIsMadeOnceAndShown(t *testing.T) {
	h := handler(t, key)
	answer(t, h, request(http.MethodGet, share), http.StatusNotFound, "ShareNotFound")
	answer(t, h, request(http.MethodPut, share), http.StatusCreated, "")
	answer(t, h, request(http.MethodGet, share), http.StatusOK, "")
	answer(t, h, request(http.MethodPut, share), http.StatusConflict, "ShareAlreadyExists")
	if _, err := h.Shares.Folder("batchaidev", "batchaishare-team"); err != nil {
		t.Error(err)
	}
}

func TestWhoeverDoesNotSignWithTheKeyIsRefused(t *testing.T) {
	h := handler(t, "YW5vdGhlci1rZXk=")
	answer(t, h, request(http.MethodPut, share), http.StatusForbidden, "AuthenticationFailed")
	h = handler(t, key)
	for header, value := range map[string]string{
		"Authorization": "",
		"x-ms-date":     "Tue, 24 Nov 2026 23:34:14 GMT",
		"x-ms-meta-a":   "added",
	} {
		r := request(http.MethodPut, share)
		r.Header.Set(header, value)
		answer(t, h, r, http.StatusForbidden, "AuthenticationFailed")
	}
	r := request(http.MethodPut, strings.Replace(share, "team", "other", 1))
	answer(t, h, r, http.StatusForbidden, "AuthenticationFailed")
}
