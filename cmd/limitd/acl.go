package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/daemon"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func aclCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "acl", Usage: "tokens, and what they may do",
		Subcommands: []*cli.Command{
			aclBootstrap(w), aclSelf(w),
			{Name: "token", Usage: "make, show, rotate and delete tokens", Subcommands: []*cli.Command{
				tokenCreate(w), tokenGet(w), tokenList(w), tokenRotate(w), tokenDelete(w),
			}},
			{Name: "policy", Usage: "make, show and delete policies", Subcommands: []*cli.Command{
				policySet(w), policyGet(w), policyList(w), policyDelete(w),
			}},
		},
	}
}

// secretFlag says where a new secret goes.
func secretFlag() cli.Flag {
	return &cli.StringFlag{Name: "to", Usage: "write the secret into the new `FILE`, readable for you alone, and do not show it"}
}

func aclBootstrap(w world) *cli.Command {
	return &cli.Command{
		Name: "bootstrap", Usage: "make the first token, which may do everything; once",
		Description: "limitd acl bootstrap --to ~/.limitd-token\n\n" +
			"Who has lost it makes it again by --reset, on the machine of a node and as somebody who may write\n" +
			"into that node's data folder. The old secret counts no more; other tokens stay.",
		Flags: apiFlags(secretFlag(), &cli.StringFlag{Name: "reset", Usage: "make the lost first token again, through the node whose data folder is `DIR`"}),
		Action: func(c *cli.Context) error {
			return makeSecret(c, w, "/v1/acl/bootstrap", func(secret string) any { return wire.ACLBootstrapRequest{Secret: secret} })
		},
	}
}

// makeSecret sends a request that gives a token a secret. The secret is made here,
// so that the request is the same at every node that is tried, and only those
// who read this command's answer know it.
func makeSecret(c *cli.Context, w world, path string, request func(secret string) any) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	secret, err := auth.NewSecret(rand.Reader)
	if err != nil {
		return err
	}
	withdraw, err := askReset(c.String("reset"), secret)
	if err != nil {
		return err
	}
	defer withdraw()
	file, err := secretFile(c)
	if err != nil {
		return err
	}
	raw, err := newAPI(c, w).call(c.Context, http.MethodPost, path, request(secret))
	made, err := read[wire.NewACLToken](raw, err)
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
		return err
	}
	if file == nil {
		return p.show(single(item{made.Token.Name, made, raw}, func() error { return newToken(p, made, "") }))
	}
	_, err = fmt.Fprintln(file, secret)
	if err := errors.Join(err, file.Close()); err != nil {
		return failf(exitError, "the token %s was made, but its secret could not be written: %v", made.Token.Name, err)
	}
	return p.show(single(item{made.Token.Name, made.Token, made.Token}, func() error { return newToken(p, made, file.Name()) }))
}

// askReset asks the node whose data folder is dir to make the first token again
// under secret; "": nobody wants that. withdraw takes back what the node has not heeded.
func askReset(dir, secret string) (withdraw func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	lived, err := store.HasNode(dir)
	switch {
	case err != nil:
		return nil, failf(exitError, "look into the data folder: %v", err)
	case !lived:
		return nil, failf(exitNotFound, "no node has lived in %s: is that its data_dir, on this machine?", dir)
	}
	if err := daemon.AskReset(dir, auth.Hash(secret)); err != nil {
		return nil, failf(exitError, "%v", err)
	}
	return func() { _ = daemon.WithdrawReset(dir) }, nil // it is gone where the node has heeded it
}

// secretFile makes the file of --to, before there is anything to be lost; nil where
// there is none.
func secretFile(c *cli.Context) (*os.File, error) {
	path := c.String("to")
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, failf(exitUsage, "%s exists already: name a new file", path)
	}
	if err != nil {
		return nil, failf(exitError, "make a file for the secret: %v", err)
	}
	return file, nil
}

// newToken shows a token with its secret, or where that is.
func newToken(p printer, made wire.NewACLToken, file string) error {
	pairs := tokenFields(made.Token)
	if file != "" {
		return p.fields(append(pairs, "Secret", "in "+file)...)
	}
	if err := p.fields(append(pairs, "Secret", made.Secret)...); err != nil {
		return err
	}
	return p.line("\nKeep the secret: it is not shown again. LIMITD_TOKEN or --token-file hands it to limitd.")
}

func aclSelf(w world) *cli.Command {
	return &cli.Command{
		Name: "self", Usage: "show who you are to the node, and what you may do", Flags: apiFlags(),
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			raw, err := newAPI(c, w).call(c.Context, http.MethodGet, "/v1/acl/self", nil)
			self, err := read[wire.ACLSelf](raw, err)
			if err != nil {
				return err
			}
			return p.show(single(item{self.Name, self, raw}, func() error {
				name := self.Name
				if name == "" {
					name = "- (no token)"
				}
				return p.fields("Token", name, "Policies", strings.Join(self.Policies, ", "), "May", ruleText(self.Rules), "Expires in", maybeSpan(self.ExpiresIn))
			}))
		},
	}
}

// readTokenFile takes the token from a file, as if it had been given by --token.
func readTokenFile(c *cli.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return failf(exitUsage, "read the token: %v", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return failf(exitUsage, "%s holds no token: one line with its secret is wanted", path)
	}
	if c.IsSet("token") {
		return failf(exitUsage, "give either --token or --token-file")
	}
	return c.Set("token", token)
}

func tokenFields(t wire.ACLToken) []string {
	pairs := []string{"Name", t.Name, "Policies", strings.Join(t.Policies, ", "), "Expires in", maybeSpan(t.ExpiresIn)}
	if t.CreatedBy != "" {
		pairs = append(pairs, "Created by", t.CreatedBy)
	}
	pairs = append(pairs, "Created", t.CreatedAt.Format(time.RFC3339))
	if t.RotatedAt != nil {
		pairs = append(pairs, "Rotated", t.RotatedAt.Format(time.RFC3339))
	}
	if t.KeptFor != nil {
		pairs = append(pairs, "Old secret for", maybeSpan(t.KeptFor))
	}
	return pairs
}
