package web

import (
	"net/netip"
	"strings"
)

// parseForwarded reads a value of the header Forwarded (RFC 7239, section 4), appending
// its elements to hops and keeping as many of the last as have room there, or half of
// that. It is false for what the grammar does not allow.
func parseForwarded(text string, hops []hop) (_ []hop, ok bool) {
	p := forwardedParser{text}
	for {
		p.space()
		var h hop
		pairs, ok := p.element(&h)
		if !ok {
			return nil, false
		}
		if pairs > 0 { // a list may have empty elements (RFC 9110, 5.6.1.2)
			if len(hops) == cap(hops) {
				hops = hops[:copy(hops, hops[(len(hops)+1)/2:])]
			}
			hops = append(hops, h)
		}
		p.space()
		switch {
		case p.rest == "":
			return hops, true
		case !p.next(','):
			return nil, false
		}
	}
}

type forwardedParser struct{ rest string }

func (p *forwardedParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

// next takes c if that is what comes.
func (p *forwardedParser) next(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// element reads the pairs of one proxy, each of which it may give once.
func (p *forwardedParser) element(h *hop) (pairs int, ok bool) {
	var gaveFor, gaveProto bool
	for {
		name := p.token()
		if name != "" {
			if !p.next('=') {
				return 0, false
			}
			value, ok := p.value()
			if !ok {
				return 0, false
			}
			again := false
			switch {
			case strings.EqualFold(name, "for"):
				again, gaveFor = gaveFor, true
				h.from, ok = parseNode(value)
			case strings.EqualFold(name, "proto"):
				again, gaveProto = gaveProto, true
				h.https = strings.EqualFold(value, "https")
			}
			if again || !ok {
				return 0, false
			}
			pairs++
		}
		if !p.next(';') {
			return pairs, true
		}
	}
}

// token reads one of RFC 9110, 5.6.2; empty is none.
func (p *forwardedParser) token() (token string) {
	n := 0
	for n < len(p.rest) && isTokenByte(p.rest[n]) {
		n++
	}
	token, p.rest = p.rest[:n], p.rest[n:]
	return token
}

// value reads a token or a quoted string (RFC 9110, 5.6.4).
func (p *forwardedParser) value() (value string, ok bool) {
	if !p.next('"') {
		value = p.token()
		return value, value != ""
	}
	var unescaped []byte
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			value, p.rest = p.rest[:i], p.rest[i+1:]
			if unescaped != nil {
				value = string(unescaped)
			}
			return value, true
		case c == '\\':
			if unescaped == nil {
				unescaped = append(make([]byte, 0, len(p.rest)), p.rest[:i]...)
			}
			i++
			if i == len(p.rest) {
				return "", false
			}
			unescaped = append(unescaped, p.rest[i])
		case c < ' ' && c != '\t', c == 0x7f:
			return "", false
		case unescaped != nil:
			unescaped = append(unescaped, c)
		}
	}
	return "", false
}

// parseNode reads who is named by for (RFC 7239, section 6): an address with or without a
// port, the one of IPv6 in brackets. It is zero for unknown, and for names that a proxy
// made up to hide one.
func parseNode(node string) (addr netip.Addr, ok bool) {
	name, port := node, ""
	if strings.HasPrefix(node, "[") {
		end := strings.IndexByte(node, ']')
		if end < 0 {
			return netip.Addr{}, false
		}
		name, port = node[1:end], node[end+1:]
		addr, err := netip.ParseAddr(name)
		if err != nil || !addr.Is6() || addr.Zone() != "" || !isNodePort(port) {
			return netip.Addr{}, false
		}
		return addr.Unmap(), true
	}
	if i := strings.IndexByte(node, ':'); i >= 0 {
		name, port = node[:i], node[i:]
	}
	if !isNodePort(port) {
		return netip.Addr{}, false
	}
	if strings.EqualFold(name, "unknown") || isObfuscated(name) {
		return netip.Addr{}, true
	}
	addr, err := netip.ParseAddr(name)
	return addr, err == nil && addr.Is4()
}

// isNodePort tells a colon with a port, or a made-up name for one, or nothing.
func isNodePort(port string) bool {
	if port == "" {
		return true
	}
	port = strings.TrimPrefix(port, ":")
	if isObfuscated(port) {
		return true
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return len(port) >= 1 && len(port) <= 5
}

// isObfuscated tells an underscore with letters, digits, dots, underscores and dashes.
func isObfuscated(name string) bool {
	if len(name) < 2 || name[0] != '_' {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// IsToken tells a token of RFC 9110, section 5.6.2, as names of headers are.
func IsToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
