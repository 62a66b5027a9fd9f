//go:build linux

package nemesis

// Cut makes all further writes fail, as if the machine's power had failed: what
// was not synced will not be on the disk.
func (d *Disk) Cut() error { return d.fail() }

// Plug mounts the disk again after Cut: the journal is played, the rest is
// lost. No process may use it.
func (d *Disk) Plug() error { return d.replug() }
