package front

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// maxHops bounds how much of an X-Forwarded-For is read, from its end.
const maxHops = 32

// Proxies are the networks whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ParseProxies reads networks (CIDR) and addresses, separated by commas.
func ParseProxies(text string) (Proxies, error) {
	var out Proxies
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if addr, bare := netip.ParseAddr(part); bare == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("front: %q is neither a network such as 10.0.0.0/8 nor an address", part)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// ClientIP is the address of the client: the peer's, or, when the peer is a
// trusted proxy, the last one in X-Forwarded-For that is not. What stands
// before that one, the client may have written itself.
func (p Proxies) ClientIP(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	var lines []string
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
		lines = append(lines, string(line))
	}
	return p.client(peer.Unmap(), strings.Join(lines, ",")).String()
}

// Trust reports whether the peer with this address, host:port, is one of them.
func (p Proxies) Trust(remote string) bool {
	peer, err := netip.ParseAddrPort(remote)
	return err == nil && p.trusts(peer.Addr().Unmap())
}

func (p Proxies) client(peer netip.Addr, forwarded string) netip.Addr {
	for range maxHops {
		if !p.trusts(peer) || forwarded == "" {
			return peer
		}
		hop := forwarded
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			hop, forwarded = forwarded[i+1:], forwarded[:i]
		} else {
			forwarded = ""
		}
		addr, ok := parseHop(hop)
		if !ok {
			return peer // what was before an illegible hop is anybody's word
		}
		peer = addr
	}
	return peer
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads an address, with a port or without.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		pair, pairErr := netip.ParseAddrPort(text)
		addr, err = pair.Addr(), pairErr
	}
	return addr.Unmap().WithZone(""), err == nil
}
