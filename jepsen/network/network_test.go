//go:build linux

package network_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/network"
)

// each runs a test on loopback, and in namespaces where the machine allows
// them (else it is loopback twice).
func each(t *testing.T, f func(*testing.T, *network.Network)) {
	for _, loopback := range []bool{true, false} {
		t.Run(fmt.Sprintf("loopback=%v", loopback), func(t *testing.T) {
			n, err := network.Open(network.Config{Nodes: 3, Seed: 1, Loopback: loopback})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(n.Variant())
			f(t, n)
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// echo answers every line at a node's peer address.
func echo(t *testing.T, n *network.Network, node int) {
	t.Helper()
	l, p, err := n.Listen(node, n.Addresses(node).Peer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); p.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					line, err := in.ReadBytes('\n')
					if err != nil {
						return
					}
					if _, err := c.Write(line); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// ask sends a line from one place to a node and returns how long the answer took.
func ask(n *network.Network, from, node int, patience time.Duration) (time.Duration, error) {
	n.Pretend(from)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := n.Dialer(from)(ctx, "tcp", n.Addresses(node).Peer.Advertise)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	start := time.Now()
	_ = c.SetDeadline(start.Add(patience))
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return 0, err
	}
	_, err = bufio.NewReader(c).ReadString('\n')
	return time.Since(start), err
}

func TestALinkCarriesAndACutStopsIt(t *testing.T) {
	each(t, func(t *testing.T, n *network.Network) {
		echo(t, n, 2)
		if _, err := ask(n, 1, 2, 2*time.Second); err != nil {
			t.Fatalf("a sound link: %v", err)
		}
		for _, cut := range [][2]int{{1, 2}, {2, 1}} {
			n.Set("one way", cut[0], cut[1], network.Rule{Cut: true})
			if took, err := ask(n, 1, 2, 300*time.Millisecond); err == nil {
				t.Fatalf("an answer in %s with %d->%d cut", took, cut[0], cut[1])
			}
			if _, err := ask(n, 3, 2, 2*time.Second); err != nil {
				t.Fatalf("the link of another node is cut, too: %v", err)
			}
			n.Clear("one way")
			if _, err := ask(n, 1, 2, 3*time.Second); err != nil {
				t.Fatalf("after the cut: %v", err)
			}
		}
	})
}

func TestRulesOfLayersAddUp(t *testing.T) {
	each(t, func(t *testing.T, n *network.Network) {
		echo(t, n, 2)
		n.Set("slow", 1, 2, network.Rule{Delay: 60 * time.Millisecond})
		n.Set("slower", 1, 2, network.Rule{Delay: 40 * time.Millisecond})
		took, err := ask(n, 1, 2, 5*time.Second)
		if err != nil || took < 90*time.Millisecond {
			t.Fatalf("an answer after %s, %v; 100ms were asked for", took, err)
		}
		n.Mend()
		var best time.Duration
		for range 5 {
			if took, err = ask(n, 1, 2, 5*time.Second); err != nil {
				t.Fatal(err)
			}
			if best == 0 || took < best {
				best = took
			}
		}
		if best > 60*time.Millisecond {
			t.Fatalf("still %s after the mend", best)
		}
	})
}

// TestPackets sends gossip-like packets over links that lose, repeat and flip.
func TestPackets(t *testing.T) {
	n, err := network.Open(network.Config{Nodes: 2, Seed: 1, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	_, from, err := n.Listen(1, n.Addresses(1).Gossip)
	if err != nil {
		t.Fatal(err)
	}
	_, to, err := n.Listen(2, n.Addresses(2).Gossip)
	if err != nil {
		t.Fatal(err)
	}
	target, err := net.ResolveUDPAddr("udp", n.Addresses(2).Gossip.Advertise)
	if err != nil {
		t.Fatal(err)
	}
	arrived := func(r network.Rule) int {
		n.Set("rule", 1, 2, r)
		for range 100 { // what the receiver's buffer takes
			if _, err := from.WriteTo([]byte("gossip"), target); err != nil {
				t.Fatal(err)
			}
		}
		got, b := 0, make([]byte, 100)
		for {
			_ = to.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if _, sender, err := to.ReadFrom(b); err != nil {
				return got
			} else if sender.String() != n.Addresses(1).Gossip.Advertise {
				t.Fatalf("a packet of node 1 seems to come from %s", sender)
			}
			got++
		}
	}
	if got := arrived(network.Rule{Loss: 0.5}); got < 30 || got > 70 {
		t.Errorf("%d of 100 arrived with half of them lost", got)
	}
	if got := arrived(network.Rule{Duplicate: 0.5}); got < 125 || got > 175 {
		t.Errorf("%d arrived of 100 with half of them twice", got)
	}
	if got := arrived(network.Rule{Cut: true}); got != 0 {
		t.Errorf("%d arrived over a cut", got)
	}
}

// TestAProcessDiesWithItsPlace starts a process and ends the network: it is gone.
func TestAProcessDiesWithItsPlace(t *testing.T) {
	each(t, func(t *testing.T, n *network.Network) {
		cmd := exec.Command("sleep", "60")
		if err := n.Start(1, cmd); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		t.Cleanup(func() {
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Error("the process outlived the network that it was started in")
				_ = cmd.Process.Kill()
			}
		})
	})
}
