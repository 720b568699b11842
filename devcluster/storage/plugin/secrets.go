package plugin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Secrets reads Secrets of any namespace; tests have a fake.
type Secrets interface {
	// Read returns the Secret's data; the error is in the API server's words.
	Read(ctx context.Context, namespace, name string) (map[string]string, error)
}

// APIServer reads Secrets and has tokens looked at, with the Pod's own service account.
//
// Two calls are all this program asks of Kubernetes, so it does without the client library.
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
	path := fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s", url.PathEscape(namespace), url.PathEscape(name))
	var body struct {
		Data map[string][]byte `json:"data"`
	}
	if err := s.call(ctx, http.MethodGet, path, nil, &body); err != nil {
		return nil, err
	}
	data := map[string]string{}
	for key, value := range body.Data {
		data[key] = string(value)
	}
	return data, nil
}

// Review has the API server look at a service account's token (TokenReview).
func (s *APIServer) Review(ctx context.Context, token, audience string) (string, error) {
	question, err := json.Marshal(map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
		"spec": map[string]any{"token": token, "audiences": []string{audience}},
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		Status struct {
			Authenticated bool     `json:"authenticated"`
			Error         string   `json:"error"`
			Audiences     []string `json:"audiences"`
			User          struct {
				Username string `json:"username"`
			} `json:"user"`
		} `json:"status"`
	}
	err = s.call(ctx, http.MethodPost, "/apis/authentication.k8s.io/v1/tokenreviews", question, &answer)
	if err != nil {
		return "", err
	}
	if !answer.Status.Authenticated || !slices.Contains(answer.Status.Audiences, audience) {
		return "", fmt.Errorf("the API server does not know the token: %s", answer.Status.Error)
	}
	return answer.Status.User.Username, nil
}

// call sends a request and reads the answer; an error is in the API server's words.
func (s *APIServer) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, s.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	// Read anew each time, because the kubelet renews it.
	token, err := os.ReadFile(serviceAccount + "/token")
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		told := struct {
			Message string `json:"message"`
		}{}
		if json.Unmarshal(text, &told) != nil || told.Message == "" {
			told.Message = "the API server answered " + answer.Status
		}
		return &refusal{answer.StatusCode, told.Message}
	}
	return json.Unmarshal(text, into)
}

// refusal is an answer of the API server's that is no success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string {
	return r.message
}
