package client_test

import (
	"errors"
	"net/http"
)

// losesAnswers carries requests, and loses the next answers.
type losesAnswers struct {
	to   http.RoundTripper
	lose int // so many
}

var errLost = errors.New("the answer was lost")

func (n *losesAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := n.to.RoundTrip(r)
	if err == nil && n.lose > 0 {
		n.lose--
		_ = answer.Body.Close()
		return nil, errLost
	}
	return answer, err
}
