package filesrest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"batchai.dev/devcluster/storage/account"
)

// Handler serves the shares of all accounts; the account is the one that signed the request.
type Handler struct {
	Accounts account.Accounts
	Shares   account.Shares
}

// Serve answers until it fails.
func Serve(address string, accounts account.Accounts, shares account.Shares) error {
	server := &http.Server{
		Addr:              address,
		Handler:           Handler{accounts, shares},
		ReadHeaderTimeout: 10 * time.Second,
	}
	return server.ListenAndServe()
}

// ServeHTTP answers one request.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-version", r.Header.Get("x-ms-version"))
	name, isKnown := authenticate(r, h.Accounts)
	if !isKnown {
		refuse(w, http.StatusForbidden, "AuthenticationFailed",
			"Server failed to authenticate the request. Make sure the value of Authorization header is "+
				"formed correctly including the signature.")
		return
	}
	share := strings.Trim(r.URL.Path, "/")
	query := r.URL.Query()
	if share == "" || strings.Contains(share, "/") || query.Get("restype") != "share" || query.Has("comp") {
		refuse(w, http.StatusNotImplemented, "NotImplemented", "The stand-in makes and shows shares only.")
		return
	}
	_, err := h.Shares.Folder(name, share)
	isThere := err == nil
	switch {
	case err != nil && !errors.Is(err, account.ErrNoShare):
		refuse(w, http.StatusInternalServerError, "InternalError", err.Error())
	case r.Method == http.MethodGet && isThere, r.Method == http.MethodHead && isThere:
		w.Header().Set("x-ms-share-quota", "5120")
		describe(w, http.StatusOK)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		refuse(w, http.StatusNotFound, "ShareNotFound", "The specified share does not exist.")
	case r.Method == http.MethodPut && isThere:
		refuse(w, http.StatusConflict, "ShareAlreadyExists", "The specified share already exists.")
	case r.Method == http.MethodPut:
		if err := h.Shares.Create(name, share); err != nil {
			refuse(w, http.StatusBadRequest, "InvalidResourceName", err.Error())
			return
		}
		describe(w, http.StatusCreated)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb", "The stand-in makes and shows shares only.")
	}
}

func describe(w http.ResponseWriter, status int) {
	w.Header().Set("ETag", `"0x8D0000000000000"`)
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`,
		code, message)
}
