//go:build linux

package nemesis

const restoreGroup = "restore"

type Disk struct{}

func clocks() []Nemesis      { return nil }
func disks() []Nemesis       { return nil }
func memberships() []Nemesis { return nil }
func restores() []Nemesis    { return nil }

const (
	ClockGroup = "clock"
	DiskGroup  = "disk"
)

func NewDisk(dir string) (*Disk, error) { return &Disk{}, nil }
