package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/cert"
)

const (
	// reloadEvery is how often the files of certificates and keys are read again.
	// What they say is compared, so that it does not matter how they are replaced.
	reloadEvery = 10 * time.Second
	// expiryNear is how long before its end a certificate is warned of, once a day.
	expiryNear = 14 * 24 * time.Hour
)

// trust is whom the node believes, and by what it is believed.
type trust struct {
	certs   *cert.Store // nil: no TLS
	keyFile string      // of gossip; "": it is plain
	keys    [][]byte    // of gossip, at the start
	ring    interface{ SetKeys(keys [][]byte) error }

	failing atomic.Bool // what the files say now cannot be used

	mu     sync.Mutex
	text   string    // guarded by mu; of keyFile, as it is in force
	said   string    // guarded by mu; the error that was logged last
	warnAt time.Time // guarded by mu; not before is an end that is near warned of
}

// openTrust reads the certificates and keys that the configuration names.
func (d *Daemon) openTrust(context.Context) error {
	if err := d.readTrust(); err != nil {
		return fmt.Errorf("%w: %w", ErrFiles, err)
	}
	for _, key := range []string{d.cfg.TLS.KeyFile, d.trust.keyFile} {
		if openToAll(key) {
			d.log.Warn("everybody on this machine can read a secret of the node: chmod 600", "file", key)
		}
	}
	return nil
}

// openToAll tells whether others than the owner and the group can read a file.
func openToAll(name string) bool {
	if name == "" || runtime.GOOS == "windows" {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().Perm()&0o004 != 0
}

func (d *Daemon) readTrust() (err error) {
	d.trust = &trust{keyFile: d.cfg.Gossip.KeyFile}
	if c := d.cfg.TLS; c.Enabled() {
		d.trust.certs, err = cert.Open(cert.Options{
			CA: c.CAFile, Cert: c.CertFile, Key: c.KeyFile, Name: c.ServerName, Clients: clientAuth(c),
		})
		if err != nil {
			return err
		}
	}
	if d.trust.keyFile == "" {
		return nil
	}
	d.trust.text, d.trust.keys, err = d.trust.readKeys()
	return err
}

// clientAuth says to crypto/tls what clients have to show.
func clientAuth(c config.TLS) tls.ClientAuthType {
	switch c.VerifyClient {
	case "optional":
		return tls.VerifyClientCertIfGiven
	case "required":
		return tls.RequireAndVerifyClientCert
	}
	return tls.NoClientCert
}

func (t *trust) readKeys() (text string, keys [][]byte, err error) {
	b, err := os.ReadFile(t.keyFile)
	if err != nil {
		return "", nil, fmt.Errorf("gossip keys: %w", err)
	}
	if keys, err = gossip.ParseKeys(string(b)); err != nil {
		return "", nil, fmt.Errorf("%s: %w", t.keyFile, err)
	}
	return string(b), keys, nil
}

// watchTrust shows when the certificates end, and takes new ones.
func (d *Daemon) watchTrust(context.Context) error {
	if d.trust.certs == nil && d.trust.keyFile == "" {
		return nil
	}
	if err := register(d.deps.Registry, newTrustMetrics(d.trust)); err != nil {
		return err
	}
	d.warnOfEnds()
	d.tasks.Go(func() {
		ticker := time.NewTicker(reloadEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				d.reload(false)
			case <-d.ctx.Done():
				return
			}
		}
	})
	return nil
}

// Reload reads the certificates and the gossip keys again, as the node does by
// itself now and then, and puts new ones in force for connections that begin
// from now on; it opens the audit log anew. What cannot be used changes nothing,
// and is logged.
func (d *Daemon) Reload() {
	d.reload(true)
	d.reopenAudit()
}

// reload is Reload; asked: somebody waits for what the log says.
func (d *Daemon) reload(asked bool) {
	certsChanged, err := d.reloadCertificates()
	keysChanged, keysErr := d.reloadKeys()
	err = errors.Join(err, keysErr)
	d.trust.failing.Store(err != nil)
	if d.trust.say(err) || asked && err != nil {
		d.log.Error("new certificates or keys cannot be used; those of before stay in force", "err", err)
	}
	if asked && err == nil && !certsChanged && !keysChanged {
		d.log.Info("certificates and keys have not changed")
	}
	d.warnOfEnds()
}

// say tells whether err is news.
func (t *trust) say(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	news := text != "" && text != t.said
	t.said = text
	return news
}

func (d *Daemon) reloadCertificates() (changed bool, err error) {
	if d.trust.certs == nil {
		return false, nil
	}
	if changed, err = d.trust.certs.Reload(); err != nil || !changed {
		return false, err
	}
	ended := d.port.Sever()
	if ended > 0 {
		d.replica.Redial()
	}
	own, authority := d.trust.certs.NotAfter()
	d.log.Info("new certificates are in force", "until", own, "authorities_until", authority, "streams_ended", ended)
	return true, nil
}

func (d *Daemon) reloadKeys() (changed bool, err error) {
	t := d.trust
	if t.keyFile == "" || t.ring == nil {
		return false, nil
	}
	text, keys, err := t.readKeys()
	if err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if text == t.text {
		return false, nil
	}
	if err := t.ring.SetKeys(keys); err != nil {
		return false, err
	}
	t.text = text
	d.log.Info("new gossip keys are in force", "keys", len(keys))
	return true, nil
}

// warnOfEnds warns, once a day, of certificates that end soon.
func (d *Daemon) warnOfEnds() {
	if d.trust.certs == nil {
		return
	}
	now := time.Now()
	own, authority := d.trust.certs.NotAfter()
	d.trust.mu.Lock()
	defer d.trust.mu.Unlock()
	if now.Before(d.trust.warnAt) {
		return
	}
	for what, end := range map[string]time.Time{"own certificate": own, "authority": authority} {
		if end.Sub(now) < expiryNear {
			d.log.Warn("a certificate ends soon: without another one the node will be cut off", "which", what, "until", end)
			d.trust.warnAt = now.Add(24 * time.Hour)
		}
	}
}
