package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Secrets reads Secrets of any namespace; tests have a fake.
type Secrets interface {
	// Read returns the Secret's data; the error is in the API server's words.
	Read(ctx context.Context, namespace, name string) (map[string]string, error)
}

// APIServer reads Secrets with the Pod's own service account.
//
// One GET is all this program asks of Kubernetes, so it does without the client library.
type APIServer struct {
	address string
	client  *http.Client
}

// NewAPIServer finds the API server as every Pod does.
func NewAPIServer() (*APIServer, error) {
	authority, err := os.ReadFile(serviceAccount + "/ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("the service account's ca.crt holds no certificate")
	}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	return &APIServer{
		address: "https://" + host,
		client: &http.Client{
			Timeout:   15 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		},
	}, nil
}

// Read returns a Secret's data.
func (s *APIServer) Read(ctx context.Context, namespace, name string) (map[string]string, error) {
	path := fmt.Sprintf("%s/api/v1/namespaces/%s/secrets/%s", s.address, url.PathEscape(namespace), url.PathEscape(name))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	// Read anew each time, because the kubelet renews it.
	token, err := os.ReadFile(serviceAccount + "/token")
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var body struct {
		Message string            `json:"message"`
		Data    map[string][]byte `json:"data"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("the API server answered %s: %w", answer.Status, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(body.Message)
	}
	data := map[string]string{}
	for key, value := range body.Data {
		data[key] = string(value)
	}
	return data, nil
}
