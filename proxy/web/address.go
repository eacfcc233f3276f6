package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of those in front of us who may say whom a request is from,
// and in which header they do.
type Proxies struct {
	networks []netip.Prefix
	standard bool // Forwarded; else X-Forwarded-For and X-Forwarded-Proto
}

// The headers by which proxies say so. Only one of them is read: most proxies write one
// and let the other through as the client sent it, so who reads both believes the client.
const (
	HeaderXForwardedFor = "X-Forwarded-For"
	HeaderForwarded     = "Forwarded"
)

// maxHops bounds how far back a chain of proxies is followed.
const maxHops = 32

// ParseProxies reads addresses and networks (10.0.0.0/8, ::1), and the name of the header
// that is theirs; empty is X-Forwarded-For.
func ParseProxies(list []string, header string) (Proxies, error) {
	var p Proxies
	switch {
	case header == "", strings.EqualFold(header, HeaderXForwardedFor):
	case strings.EqualFold(header, HeaderForwarded):
		p.standard = true
	default:
		return p, fmt.Errorf("%q is no header that is known here: give X-Forwarded-For or Forwarded", header)
	}
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return Proxies{}, fmt.Errorf("%q is no address and no network: give 10.0.0.7 or 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		p.networks = append(p.networks, network.Masked())
	}
	return p, nil
}

// Any tells whether there are proxies.
func (p *Proxies) Any() bool { return len(p.networks) > 0 }

// Trusted tells whether addr is one of the proxies.
func (p *Proxies) Trusted(addr netip.Addr) bool {
	for _, network := range p.networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// hop is what one proxy says of who called it.
type hop struct {
	from  netip.Addr // zero where it does not tell
	https bool
}

// Client is the address that a request comes from, and whether it came there by https as
// the proxies say. Each of them adds the one before it at the end, so the client is the
// last that is not one of them; all before that are the client's own words. It is zero for
// a client of a Unix socket of whom nobody tells. What can't be read ends the search: the
// request is then from the proxy which passed that on.
func (p *Proxies) Client(r *http.Request) (addr netip.Addr, https bool) {
	at, known := parseAddr(r.RemoteAddr)
	if known && !p.Trusted(at) {
		return at, false
	}
	if p.standard {
		return p.byForwarded(r.Header[HeaderForwarded], at)
	}
	if proto := r.Header["X-Forwarded-Proto"]; len(proto) > 0 {
		// The last is that of the proxy next to us.
		last := proto[len(proto)-1]
		https = strings.EqualFold(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]), "https")
	}
	hops := 0
	for lines := r.Header[HeaderXForwardedFor]; len(lines) > 0; lines = lines[:len(lines)-1] {
		for line, more := lines[len(lines)-1], true; more; {
			var last string
			i := strings.LastIndexByte(line, ',')
			line, last, more = line[:max(i, 0)], line[i+1:], i >= 0
			next, ok := parseAddr(strings.Trim(last, " \t"))
			if hops++; !ok || hops > maxHops {
				return at, https
			}
			if at = next; !p.Trusted(at) {
				return at, https
			}
		}
	}
	return at, https
}

// byForwarded follows the elements of Forwarded.
func (p *Proxies) byForwarded(lines []string, at netip.Addr) (addr netip.Addr, https bool) {
	for hops := 0; len(lines) > 0; lines = lines[:len(lines)-1] {
		// Line by line, so that a quote which a client leaves open ends with its line.
		var buf [2 * maxHops]hop
		elements, ok := parseForwarded(lines[len(lines)-1], buf[:0])
		if !ok {
			return at, false
		}
		for i := len(elements) - 1; i >= 0; i-- {
			if hops++; hops > maxHops {
				return at, https
			}
			https = elements[i].https
			if !elements[i].from.IsValid() {
				return at, https
			}
			if at = elements[i].from; !p.Trusted(at) {
				return at, https
			}
		}
	}
	return at, https
}

// Network is whom an address is counted as: itself, or its network of 64 bits, which is
// one household in IPv6.
func Network(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	network, _ := addr.Prefix(bits) // zero for the zero address
	return network
}

// Origin names the Network of an address. Empty is not known.
func Origin(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return ""
	case addr.Is4():
		return addr.String()
	}
	return Network(addr).String()
}

// parseAddr reads an address with or without a port.
func parseAddr(text string) (netip.Addr, bool) {
	withPort, err := netip.ParseAddrPort(text)
	addr := withPort.Addr()
	if err != nil {
		addr, err = netip.ParseAddr(text)
	}
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}

// IsLoopback tells whether a host, without a port, is this machine by its name or address.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}
