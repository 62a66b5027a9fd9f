package auth

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A secret is "limitd_" and 52 characters of a-z and 2-7: 256 random bits, which
// no one guesses, so that one round of SHA-256 hides them as well as a slow hash
// would. The prefix lets scanners of code and logs find one that got lost.
const (
	secretPrefix = "limitd_"
	secretBytes  = 32
	secretLength = len(secretPrefix) + 52
)

func secretEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// NewSecret makes a secret of random bytes.
func NewSecret(random io.Reader) (string, error) {
	var b [secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return secretPrefix + secretEncoding().EncodeToString(b[:]), nil
}

// CheckSecret tells what is wrong with a secret that a caller made, or "".
func CheckSecret(secret string) string {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if ok && len(secret) == secretLength {
		if _, err := secretEncoding().DecodeString(text); err == nil {
			return ""
		}
	}
	return `must be "limitd_" and 52 characters of a-z and 2-7: 32 random bytes in base32`
}

// Hash is what the replicated state knows of a secret.
func Hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// Bearer returns the token in a request's header Authorization; "" where there is
// none. ok is false where the header says something else.
func Bearer(r *http.Request) (secret string, ok bool) {
	text := r.Header.Get("Authorization")
	if text == "" {
		return "", true
	}
	scheme, secret, found := strings.Cut(text, " ")
	secret = strings.TrimSpace(secret)
	if !found || !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return "", false
	}
	return secret, true
}
