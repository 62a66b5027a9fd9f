package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/cert"
	"github.com/urfave/cli/v2"
)

const day = 24 * time.Hour

func tlsCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "tls", Usage: "make an authority, and certificates for nodes and clients",
		Subcommands: []*cli.Command{
			{Name: "ca", Usage: "the authority that certificates come from", Subcommands: []*cli.Command{authorityCreate(w)}},
			{Name: "cert", Usage: "certificates of nodes and clients", Subcommands: []*cli.Command{certificateCreate(w)}},
		},
	}
}

// pairFlags are those of every command that writes a certificate and its key.
func pairFlags(days int, more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "dir", Value: ".", Usage: "`FOLDER` to write to"},
		&cli.IntFlag{Name: "days", Value: days, Usage: "how long it lasts"},
		&cli.BoolFlag{Name: "force", Usage: "replace files that exist already"},
	)
}

func authorityCreate(w world) *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make an authority: ca.pem and ca-key.pem",
		Description: "ca.pem is for every node and client. Whoever has ca-key.pem can make a node: keep it off the nodes.",
		Flags: pairFlags(3650,
			&cli.StringFlag{Name: "name", Value: "limitd CA", Usage: "what people read in its certificate"}),
		Action: func(c *cli.Context) error {
			life, err := lifeOf(c)
			if err != nil {
				return err
			}
			_, pair, err := cert.NewAuthority(c.String("name"), life)
			if err != nil {
				return err
			}
			cert, key, err := writePair(c, "ca", pair)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.stdout, "Wrote %s, for every node and client, and %s, which makes them: keep it off the nodes.\n"+
				"  limitd tls cert create server --ca %s --ca-key %s --name n1 --host HOST\n", cert, key, cert, key)
			return err
		},
	}
}

func certificateCreate(w world) *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a certificate: NAME.pem and NAME-key.pem", ArgsUsage: "server|client|cli",
		Description: "server: of a node, shown to clients and to the other nodes.\n" +
			"client: of a program that calls nodes. cli: of a person at a command line.\n\n" +
			"limitd tls cert create server --name n1 --host n1.example,10.0.0.1\n" +
			"limitd tls cert create client --name worker",
		Flags: pairFlags(365,
			&cli.StringFlag{Name: "ca", Value: "ca.pem", Usage: "`FILE` of the authority's certificate"},
			&cli.StringFlag{Name: "ca-key", Value: "ca-key.pem", Usage: "`FILE` of the authority's key"},
			&cli.StringFlag{Name: "name", DefaultText: "server, client or cli", Usage: "what people and policies read in it, and how its files begin"},
			&cli.StringSliceFlag{Name: "host", Usage: "`HOSTS` at which clients call the node, names and IP addresses; localhost is in it anyway"},
			&cli.StringFlag{Name: "server-name", Value: cert.DefaultName, Usage: "the nodes' tls.server_name"},
		),
		Action: func(c *cli.Context) error { return createCertificate(c, w) },
	}
}

func createCertificate(c *cli.Context, w world) error {
	kind := cert.Kind(c.Args().First())
	if c.NArg() != 1 || !slices.Contains([]cert.Kind{cert.Server, cert.Client, cert.CLI}, kind) {
		return usagef(commandPath(c), "say whom it is for: server, client or cli")
	}
	name := string(kind)
	if c.IsSet("name") {
		name = c.String("name")
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`).MatchString(name) {
		return usagef(commandPath(c), "--name is %q: use 1 to 63 of a-z A-Z 0-9 . _ -, the first a letter or digit", name)
	}
	life, err := lifeOf(c)
	if err != nil {
		return err
	}
	authority, err := readAuthority(c.String("ca"), c.String("ca-key"))
	if err != nil {
		return err
	}
	pair, err := authority.Issue(cert.Request{Kind: kind, Name: name, Hosts: c.StringSlice("host"), Life: life, Node: c.String("server-name")})
	if errors.Is(err, cert.ErrRequest) {
		return usagef(commandPath(c), "%v", err)
	}
	if err != nil {
		return err
	}
	file, key, err := writePair(c, name, pair)
	if err != nil {
		return err
	}
	return tellOfPair(w, c, kind, file, key)
}

// tellOfPair says what to do with a certificate.
func tellOfPair(w world, c *cli.Context, kind cert.Kind, file, key string) error {
	use := fmt.Sprintf("export LIMITD_CACERT=%s LIMITD_CLIENT_CERT=%s LIMITD_CLIENT_KEY=%s", c.String("ca"), file, key)
	if kind == cert.Server {
		use = fmt.Sprintf("tls {\n    ca_file   = %q\n    cert_file = %q\n    key_file  = %q\n  }", c.String("ca"), file, key)
	}
	_, err := fmt.Fprintf(w.stdout, "Wrote %s and %s, which last %d days.\n  %s\n", file, key, c.Int("days"), use)
	return err
}

func lifeOf(c *cli.Context) (time.Duration, error) {
	const most = 36500
	if n := c.Int("days"); n >= 1 && n <= most {
		return time.Duration(n) * day, nil
	}
	return 0, usagef(commandPath(c), "--days is %d; it takes 1 to %d", c.Int("days"), most)
}

func readAuthority(certFile, keyFile string) (*cert.Authority, error) {
	var pair cert.Pair
	var err error
	if pair.Cert, err = os.ReadFile(certFile); err == nil {
		pair.Key, err = os.ReadFile(keyFile)
	}
	var authority *cert.Authority
	if err == nil {
		authority, err = cert.ReadAuthority(pair)
	}
	if err != nil {
		f := failf(exitError, "the authority cannot be read: %v", err)
		f.hint = "'limitd tls ca create' makes one; --ca and --ca-key name its files."
		return nil, f
	}
	return authority, nil
}

// writePair writes a certificate and its key, and returns their files.
func writePair(c *cli.Context, name string, pair cert.Pair) (certFile, keyFile string, err error) {
	if err := os.MkdirAll(c.String("dir"), 0o700); err != nil {
		return "", "", err
	}
	certFile = filepath.Join(c.String("dir"), name+".pem")
	keyFile = filepath.Join(c.String("dir"), name+"-key.pem")
	if !c.Bool("force") { // neither, rather than half of it
		for _, file := range []string{certFile, keyFile} {
			if _, err := os.Lstat(file); err == nil {
				return "", "", existsAlready(file)
			}
		}
	}
	if err := writeSecret(keyFile, pair.Key, c.Bool("force")); err != nil {
		return "", "", err
	}
	return certFile, keyFile, writeSecret(certFile, pair.Cert, c.Bool("force"))
}
