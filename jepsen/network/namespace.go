//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	tunDevice = "/dev/net/tun"
	device    = "eth0"
	mtu       = 9000
)

// namespaces is the ground of a network with a namespace for each place. All
// places are in 10.77.0.0/24, which no packet leaves: a namespace has no way
// out but its device, whose other end is this process.
type namespaces struct {
	places []*place
	home   *os.File // the namespace that this process came from
	links  [][]*link
	rx     sync.WaitGroup
}

// place is one namespace. A thread of its own stays in it, to make its device
// and to start processes.
type place struct {
	self   *os.File // the namespace
	tun    *os.File // its device's other end
	thread *thread
}

// openNamespaces makes callers' place, those of nodes, and the hand's.
func openNamespaces(nodes int, links [][]*link) (*namespaces, error) {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open this process's namespace: %w", err)
	}
	n := &namespaces{home: home, links: links}
	for i := range nodes + 2 {
		p, err := openPlace(ip(i))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("make the namespace of place %d: %w", i, err), n.close())
		}
		n.places = append(n.places, p)
	}
	for i, p := range n.places {
		n.rx.Go(func() { n.forward(i, p) })
	}
	return n, nil
}

func ip(place int) [4]byte { return [4]byte{10, 77, 0, byte(place + 1)} }

func openPlace(address [4]byte) (*place, error) {
	p := new(place)
	var err error
	p.thread, err = newThread(func() error { return p.settle(address) })
	if err != nil {
		p.thread.close()
		return nil, err
	}
	return p, nil
}

func (p *place) settle(address [4]byte) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("leave the network namespace: %w", err)
	}
	self, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("open the namespace: %w", err)
	}
	if p.tun, err = openTun(); err != nil {
		return errors.Join(err, self.Close())
	}
	if err := configure(address); err != nil {
		return errors.Join(err, self.Close(), p.tun.Close())
	}
	p.self = self
	return nil
}

// openTun makes the device in the thread's namespace.
func openTun() (*os.File, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunDevice, err)
	}
	r, err := unix.NewIfreq(device)
	if err == nil {
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the device %s: %w", device, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), device), nil
}

// configure gives the device its address and takes it and loopback up.
func configure(address [4]byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket to set addresses: %w", err)
	}
	defer unix.Close(fd)
	set := func(name string, request uint, value func(*unix.Ifreq) error) {
		if err != nil {
			return
		}
		var r *unix.Ifreq
		if r, err = unix.NewIfreq(name); err == nil {
			err = value(r)
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, request, r)
		}
	}
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }
	set("lo", unix.SIOCSIFFLAGS, up)
	set(device, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address[:]) })
	set(device, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) })
	set(device, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(mtu); return nil })
	set(device, unix.SIOCSIFFLAGS, up)
	if err != nil {
		return fmt.Errorf("set the device's address: %w", err)
	}
	return nil
}

// forward is the switch: it reads what comes out of a place and sends it down
// the link to where it is addressed.
func (n *namespaces) forward(from int, p *place) {
	b := make([]byte, 1<<16)
	for {
		k, err := p.tun.Read(b)
		if err != nil {
			return // closed
		}
		if k < headerBytes || b[0]>>4 != 4 {
			continue // IPv6 looks for neighbours, in vain
		}
		to := int(b[19]) - 1
		if net := [3]byte(b[16:19]); net != [3]byte{10, 77, 0} || to < 0 || to >= len(n.places) || to == from {
			continue
		}
		n.links[from][to].send(b[:k], n.places[to].deliver)
	}
}

// deliver hands a packet to the place's kernel, which drops it where its queue
// is full, as any network may.
func (p *place) deliver(b []byte) { _, _ = p.tun.Write(b) }

func (n *namespaces) addresses(node int) Addresses {
	at := func(port int) Address {
		a := ip(node)
		s := fmt.Sprintf("%s:%d", net.IP(a[:]), port)
		return Address{Listen: s, Advertise: s}
	}
	return Addresses{HTTP: at(7480), Peer: at(7481), Gossip: at(7482)}
}

func (n *namespaces) start(node int, cmd *exec.Cmd) error {
	return n.places[node].thread.start(cmd)
}

// dial connects from a place. The calling goroutine's thread visits the place's
// namespace: a socket belongs to the namespace that it was made in.
func (n *namespaces) dial(ctx context.Context, from int, address string) (net.Conn, error) {
	runtime.LockOSThread()
	if err := unix.Setns(int(n.places[from].self.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("visit the namespace of place %d: %w", from, err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if back := unix.Setns(int(n.home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic("network: a thread cannot leave a namespace: " + back.Error())
	}
	runtime.UnlockOSThread()
	return conn, err
}

func (n *namespaces) close() error {
	var errs []error
	for _, p := range n.places {
		p.thread.close()
		errs = append(errs, p.tun.Close(), p.self.Close())
	}
	n.rx.Wait()
	return errors.Join(append(errs, n.home.Close())...)
}
