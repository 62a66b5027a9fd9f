package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// prefectServer is a Prefect server whose limits are read.
type prefectServer struct {
	base      string // of its API
	auth, key string
	timeout   time.Duration // of one page
}

// prefectLimit is a limit as a Prefect server lists it.
type prefectLimit struct {
	Name   string      `json:"name"`
	Limit  int64       `json:"limit"`
	Active bool        `json:"active"`
	Decay  json.Number `json:"slot_decay_per_second"`
}

const pageOfPrefect = 200 // limits, the most that such a server lists at once

// limits reads all limits, ordered by name.
func (s prefectServer) limits(ctx context.Context) (all []prefectLimit, err error) {
	for {
		page, err := s.page(ctx, len(all))
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < pageOfPrefect {
			return all, nil
		}
	}
}

func (s prefectServer) page(ctx context.Context, offset int) ([]prefectLimit, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	url := s.base + "/v2/concurrency_limits/filter"
	body := fmt.Sprintf(`{"limit":%d,"offset":%d}`, pageOfPrefect, offset)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewBufferString(body))
	if err != nil {
		return nil, usagef("limitd import prefect", "%q is not a URL: %v", s.base, err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token := s.token(); token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, failf(exitError, "no answer from %s: %v", s.base, reason(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, failf(exitError, "read the answer of %s: %v", s.base, err)
	}
	var page []prefectLimit
	if response.StatusCode != http.StatusOK || json.Unmarshal(answer, &page) != nil {
		f := failf(exitError, "%s did not list its limits: %s", url, response.Status)
		f.hint = "--from is the base of the API, such as http://prefect:4200/api; --auth or --key where it wants one."
		return nil, f
	}
	return page, nil
}

// token is what the server is shown, as Prefect's clients do.
func (s prefectServer) token() string {
	switch {
	case s.auth != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(s.auth))
	case s.key != "":
		return "Bearer " + strings.TrimSpace(s.key)
	}
	return ""
}
