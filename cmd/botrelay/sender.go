package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// sender posts webhooks as Svix does: signed, with a fresh timestamp at each
// attempt.
type sender struct {
	url    string
	key    *svix.Webhook
	client *http.Client
}

func newSender(url, secret string, client *http.Client) (*sender, error) {
	key, err := svix.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("the signing secret cannot be used (it starts with whsec_)")
	}
	return &sender{url: url, key: key, client: client}, nil
}

// post sends one webhook and returns the status of the answer.
func (s *sender) post(ctx context.Context, id string, body []byte) (int, error) {
	now := time.Now()
	signature, err := s.key.Sign(id, now, body)
	if err != nil {
		return 0, fmt.Errorf("sign %s: %w", id, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("svix-id", id)
	req.Header.Set("svix-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("svix-signature", signature)
	answer, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	return answer.StatusCode, err
}

// postPatiently waits up to patience for a relay that is starting: one that
// refuses the connection, or answers 503.
func (s *sender) postPatiently(ctx context.Context, id string, body []byte, patience time.Duration) (int, error) {
	deadline := time.Now().Add(patience)
	for {
		status, err := s.post(ctx, id, body)
		starting := errors.Is(err, syscall.ECONNREFUSED) || status == http.StatusServiceUnavailable
		if !starting || time.Now().After(deadline) {
			return status, err
		}
		select {
		case <-ctx.Done():
			return status, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
