package client

import (
	"errors"
	"slices"
	"testing"
)

func TestConfigFromEnv(t *testing.T) {
	t.Setenv("LIMITD_ADDR", " 10.0.0.1:7480, https://limits.example/ ,")
	t.Setenv("LIMITD_TOKEN", "secret")
	cfg := ConfigFromEnv()
	if !slices.Equal(cfg.Addresses, []string{"10.0.0.1:7480", "https://limits.example/"}) || cfg.Token != "secret" {
		t.Errorf("read %+v", cfg)
	}
	t.Setenv("LIMITD_ADDR", "")
	c, err := New(ConfigFromEnv())
	if err != nil || c.cfg.Addresses[0] != "http://127.0.0.1:7480" {
		t.Errorf("%v: %+v", err, c)
	}
	_ = c.Close()
	t.Setenv("LIMITD_ADDR", "gopher://n1")
	if _, err := New(ConfigFromEnv()); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
