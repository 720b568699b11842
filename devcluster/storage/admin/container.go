package admin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// containerStore is a blob container.
type containerStore struct {
	client *container.Client
}

func (s *containerStore) write(ctx context.Context, name string, size int64, content io.Reader) error {
	options := &blockblob.UploadStreamOptions{BlockSize: 8 << 20, Concurrency: 2}
	_, err := s.client.NewBlockBlobClient(name).UploadStream(ctx, io.LimitReader(content, size), options)
	return err
}

// list returns the blobs at or below a path; the markers of empty folders are no files.
func (s *containerStore) list(ctx context.Context, below string) ([]Entry, error) {
	var result []Entry
	pager := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &below})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("container: %w", err)
		}
		for _, blob := range page.Segment.BlobItems {
			name := *blob.Name
			isBelow := below == "" || name == below || strings.HasPrefix(name, below+"/")
			if !isBelow || strings.HasSuffix(name, "/") {
				continue
			}
			result = append(result, Entry{name, *blob.Properties.ContentLength, *blob.Properties.LastModified})
		}
	}
	return result, nil
}

func (s *containerStore) read(ctx context.Context, name string, to io.Writer) error {
	answer, err := s.client.NewBlobClient(name).DownloadStream(ctx, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(to, answer.Body)
	return err
}

func (s *containerStore) remove(ctx context.Context, below string) error {
	pager := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &below})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, blob := range page.Segment.BlobItems {
			name := *blob.Name
			if below != "" && name != below && !strings.HasPrefix(name, below+"/") {
				continue
			}
			if _, err := s.client.NewBlobClient(name).Delete(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
