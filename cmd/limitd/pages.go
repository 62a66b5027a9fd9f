package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/limitd/limitd/transport/wire"
)

// pages reads all of a list, whose pages have the items under key; raw holds
// them as they came, and is never nil.
func pages[T any](ctx context.Context, a *api, path, key string, filter url.Values) (values []T, raw []json.RawMessage, err error) {
	if filter == nil {
		filter = url.Values{}
	}
	filter.Set("page_size", strconv.Itoa(wire.MaxPage))
	raw = []json.RawMessage{}
	for {
		page, err := read[map[string]json.RawMessage](a.call(ctx, http.MethodGet, path+"?"+filter.Encode(), nil))
		if err != nil {
			return nil, nil, err
		}
		some, err := read[[]json.RawMessage](page[key], nil)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range some {
			v, err := read[T](r, nil)
			if err != nil {
				return nil, nil, err
			}
			values, raw = append(values, v), append(raw, r)
		}
		next, err := read[string](page["next_page_token"], nil)
		if err != nil || next == "" {
			return values, raw, err
		}
		filter.Set("page_token", next)
	}
}
