package httpsink

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"botrelay/relay"
	"botrelay/sinks/internal/sinktest"
)

func TestRefusedAddresses(t *testing.T) {
	const never, private, public = 0, 1, 2
	for class, addresses := range [][]string{
		never: {
			"169.254.169.254", "169.254.0.1", "169.254.170.2", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255",
			"100.100.100.200", "192.0.0.192", "168.63.129.16",
			"::", "fe80::1", "fe80::1%eth0", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254",
			"::ffff:169.254.169.254", "::ffff:0.0.0.0", "::169.254.169.254", "::ffff:0:169.254.169.254",
			"64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::",
			"2002:a9fe:a9fe::", "2002:a9fe:a9fe::1", "2002:e000:1::",
			"2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601",
		},
		private: {
			"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
			"::ffff:192.168.1.1", "100.64.0.1", "100.127.255.255", "198.18.0.1", "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1",
			"240.0.0.1", "fc00::1", "fd12:3456::1", "fec0::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1",
			"64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:a00:1::1", "2002:7f00:1::", "::10.0.0.1", "2001:0:a00:1::1",
		},
		public: {
			"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "169.253.255.255", "169.255.0.1",
			"192.0.1.1", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
		},
	} {
		for _, text := range addresses {
			ip := netip.MustParseAddr(text)
			if got := (guard{}).refuses(ip) != ""; got != (class == never) {
				t.Errorf("%s: refused %v", text, got)
			}
			if got := (guard{denyPrivate: true}).refuses(ip) != ""; got != (class != public) {
				t.Errorf("%s with deny_private: refused %v", text, got)
			}
		}
	}
}

// TestRefusedWhenDialling resolves a name to addresses, so the check that counts
// is the one after DNS.
func TestRefusedWhenDialling(t *testing.T) {
	reached := serve(t, func(http.ResponseWriter, *http.Request) {})
	o := to("http://localhost:" + reached.URL[strings.LastIndex(reached.URL, ":")+1:])
	o.DenyPrivate = true
	_, err := open(t, o).Send(t.Context(), sinktest.Delivery(0))
	if err == nil || relay.Classify(err).Kind != relay.Broken || !strings.Contains(err.Error(), "deny_private") {
		t.Errorf("got %v, want a broken sink", err)
	}
	o.DenyPrivate = false
	if _, err := open(t, o).Send(t.Context(), sinktest.Delivery(0)); err != nil {
		t.Errorf("without deny_private: %v", err)
	}
	if n := reached.connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// TestRebinding: a name that changes its address after the first answer gains
// nothing, since each dial is checked by itself.
func TestRebinding(t *testing.T) {
	g := guard{denyPrivate: true}
	if err := g.control(context.Background(), "tcp4", "8.8.8.8:443", nil); err != nil {
		t.Errorf("first answer: %v", err)
	}
	if err := g.control(context.Background(), "tcp4", net.JoinHostPort("127.0.0.1", "443"), nil); err == nil {
		t.Error("second answer was not refused")
	}
	if err := g.control(context.Background(), "tcp6", "[fe80::1%lo]:80", nil); err == nil {
		t.Error("an address with a zone was not refused")
	}
	if err := g.control(context.Background(), "tcp4", "no address", nil); err == nil {
		t.Error("an unreadable address was not refused")
	}
}
