package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

// Store makes a Secret with the Pod's own service account; one that is there stays as it is.
func (s *APIServer) Store(ctx context.Context, namespace, name string, data map[string]string) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata":   map[string]string{"name": name, "namespace": namespace},
		"stringData": data,
	})
	if err != nil {
		return err
	}
	path := fmt.Sprintf("%s/api/v1/namespaces/%s/secrets", s.address, url.PathEscape(namespace))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
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
	if answer.StatusCode == http.StatusCreated || answer.StatusCode == http.StatusConflict {
		return nil
	}
	var told struct {
		Message string `json:"message"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		return fmt.Errorf("the API server answered %s: %w", answer.Status, err)
	}
	return errors.New(told.Message)
}
