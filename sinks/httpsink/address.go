package httpsink

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"

	"botrelay/relay"
)

// Addresses that no webhook receiver has. What answers there hands out
// credentials (cloud metadata), or it is no single host.
var neverSent = prefixes(
	"0.0.0.0/8", "::/128", // unspecified: the kernel takes it for this host
	"169.254.0.0/16", "fe80::/10", // link-local; metadata of AWS, Azure, GCP, Oracle, DigitalOcean
	"224.0.0.0/4", "255.255.255.255/32", "ff00::/8", // multicast, broadcast
	"fd00:ec2::/32",      // metadata of AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
	"fd20:ce::/32",       // metadata of GCP: https://cloud.google.com/compute/docs/metadata/querying-metadata
	"100.100.100.200/32", // metadata of Alibaba: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
	"192.0.0.192/32",     // metadata of Oracle, classic
	"168.63.129.16/32",   // Azure's wire server: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
)

// Addresses that are not on the public internet, or lead back from it
// (https://www.iana.org/assignments/iana-ipv4-special-registry,
// https://www.iana.org/assignments/iana-ipv6-special-registry).
var notPublic = prefixes(
	"127.0.0.0/8", "::1/128",
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10",
	"100.64.0.0/10",                 // carrier-grade NAT
	"192.0.0.0/24", "198.18.0.0/15", // protocol assignments, benchmarks
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20", // documentation
	"240.0.0.0/4", "100::/64", // reserved, discard
	"64:ff9b:1::/48", // translation inside one network
	"5f00::/16",      // segment routing
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// guard refuses addresses when dialling. It sees the address that a name was
// resolved to, at every dial, so a name that changes its address between a
// check and its use gains nothing.
type guard struct {
	denyPrivate bool
}

// control is for net.Dialer.ControlContext.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address to dial: %w", err)
	}
	if why := g.refuses(ap.Addr()); why != "" {
		return &relay.Fault{Kind: relay.Broken, Err: fmt.Errorf("%s is %s", ap.Addr(), why)}
	}
	return nil
}

// refuses says why nothing is sent to ip; empty when it may be.
func (g guard) refuses(ip netip.Addr) string {
	ip = ip.WithZone("").Unmap()
	for _, a := range append(inside(ip), ip) {
		if within(neverSent, a) {
			return "a link-local, metadata or multicast address; nothing is sent there"
		}
		if g.denyPrivate && within(notPublic, a) {
			return "not a public address (deny_private is on)"
		}
	}
	return ""
}

func within(all []netip.Prefix, ip netip.Addr) bool {
	for _, p := range all {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")    // https://www.rfc-editor.org/rfc/rfc6052#section-2.1
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48")  // https://www.rfc-editor.org/rfc/rfc8215
	sixToFour  = netip.MustParsePrefix("2002::/16")       // https://www.rfc-editor.org/rfc/rfc3056#section-2
	teredo     = netip.MustParsePrefix("2001::/32")       // https://www.rfc-editor.org/rfc/rfc4380#section-4
	compatible = netip.MustParsePrefix("::/96")           // https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.1
	translated = netip.MustParsePrefix("::ffff:0:0:0/96") // https://www.rfc-editor.org/rfc/rfc2765#section-2.1
)

// inside returns the IPv4 addresses to which a gateway may carry what is sent
// to the IPv6 address ip.
func inside(ip netip.Addr) []netip.Addr {
	if !ip.Is6() {
		return nil
	}
	b := ip.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case ip == netip.IPv6Unspecified() || ip == netip.IPv6Loopback():
		return nil
	case nat64.Contains(ip), compatible.Contains(ip), translated.Contains(ip):
		return []netip.Addr{last}
	case nat64Local.Contains(ip):
		// The network chooses the length of its prefix: 96, or 48, which skips
		// byte 8 and leaves zeros here when it is not the one.
		if b[6] == 0 {
			return []netip.Addr{last}
		}
		return []netip.Addr{last, netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]})}
	case sixToFour.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	}
	return nil
}
