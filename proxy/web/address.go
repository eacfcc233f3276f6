package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of those in front of us whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads addresses and networks (10.0.0.0/8, ::1).
func ParseProxies(list []string) (Proxies, error) {
	var p Proxies
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is no address and no network: give 10.0.0.7 or 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		p = append(p, network.Masked())
	}
	return p, nil
}

func (p Proxies) trusted(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Client is the address that a request comes from: the last in X-Forwarded-For that
// is not one of the proxies, as each of them adds the one before it at the end. It is
// zero for a client of a Unix socket of whom nobody tells.
func (p Proxies) Client(r *http.Request) netip.Addr {
	at, known := parseAddr(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0 && (!known || p.trusted(at)); i-- {
		next, ok := parseAddr(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		at, known = next, true
	}
	return at
}

// parseAddr reads an address with or without a port.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
