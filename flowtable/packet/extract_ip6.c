// SPDX-License-Identifier: Apache-2.0
// The long parts of IPv6: extension headers (RFC 8200, 4) and the options of neighbour discovery
// (RFC 4861, 4.6). Both are walks over lengths that the sender chose.

#include "flowtable/packet/extract.h"

enum {
	HOP = 0,
	ROUTING = 43,
	FRAGMENT = 44,
	ESP = 50,
	AUTH = 51,
	NONEXT = 59,
	DEST = 60
};

static unsigned exthdr_bit(uint8_t proto)
{
	switch (proto) {
	case HOP:
		return FT_EXTHDR_HOP;
	case ROUTING:
		return FT_EXTHDR_ROUTER;
	case FRAGMENT:
		return FT_EXTHDR_FRAG;
	case AUTH:
		return FT_EXTHDR_AUTH;
	case ESP:
		return FT_EXTHDR_ESP;
	case DEST:
		return FT_EXTHDR_DEST;
	case NONEXT:
		return FT_EXTHDR_NONEXT;
	}
	return 0;
}

// The place in the order of RFC 8200, 4.1. Destination options have two: before a routing header,
// and last.
static unsigned exthdr_rank(uint8_t proto, bool routing_next)
{
	switch (proto) {
	case HOP:
		return 0;
	case DEST:
		return routing_next ? 1 : 6;
	case ROUTING:
		return 2;
	case FRAGMENT:
		return 3;
	case AUTH:
		return 4;
	case ESP:
		return 5;
	}
	return 7;
}

// `seen` holds a bit a rank.
static unsigned note_exthdr(unsigned *seen, uint8_t proto, bool routing_next)
{
	unsigned flags = exthdr_bit(proto), rank = exthdr_rank(proto, routing_next);

	if (*seen >> rank & 1)
		flags |= FT_EXTHDR_UNREP;
	if (*seen >> rank >> 1)
		flags |= FT_EXTHDR_UNSEQ;
	*seen |= 1u << rank;
	return flags;
}

// Length of the extension header at `h`, `left` bytes before the end; 0: none that can be passed.
static unsigned exthdr_len(const uint8_t *h, unsigned left, uint8_t proto)
{
	unsigned len;

	if (left < 8)
		return 0;
	if (proto == FRAGMENT)
		len = 8;
	else if (proto == AUTH)
		len = (h[1] + 2u) * 4; // RFC 4302, 2.2
	else if (proto == HOP || proto == ROUTING || proto == DEST)
		len = (h[1] + 1u) * 8;
	else
		return 0;
	return len <= left ? len : 0;
}

// True: a later fragment, of which nothing more is to be read. An "atomic" fragment, of one piece,
// is no fragment (RFC 6946).
static bool walk_fragment(const uint8_t *h, struct ft_ip6_walk *w)
{
	unsigned word = ntohs(weft_load16(h + 2));

	if (!(word & 0xfff9))
		return false;
	w->frag = WEFT_FRAG_ANY;
	if (!(word & 0xfff8))
		return false;
	w->frag |= WEFT_FRAG_LATER;
	return true;
}

void ft_ip6_walk(const uint8_t *data, unsigned l3, unsigned end, struct ft_ip6_walk *w)
{
	unsigned seen = 0;

	*w = (struct ft_ip6_walk){.proto_ofs = l3 + 6, .end_ofs = l3 + 40, .proto = data[l3 + 6]};
	for (unsigned n = 0; n < FT_MAX_EXTHDRS; n++) {
		const uint8_t *h = data + w->end_ofs;
		unsigned len;

		if (!exthdr_bit(w->proto))
			return;
		len = exthdr_len(h, end - w->end_ofs, w->proto);
		w->exthdr |= (uint16_t)note_exthdr(&seen, w->proto, len && h[0] == ROUTING);
		if (!len)
			return;
		if (w->proto == FRAGMENT && walk_fragment(h, w))
			return;
		if (w->proto == ROUTING && h[3])
			w->routing_left = true;
		w->proto_ofs = w->end_ofs;
		w->proto = h[0];
		w->end_ofs += len;
	}
}

bool ft_nd_find(const uint8_t *data, unsigned l4, unsigned end, struct ft_nd *nd)
{
	bool solicit = data[l4] == FT_ND_SOLICIT;
	unsigned ofs = l4 + 24;

	*nd = (struct ft_nd){0};
	if (end < ofs)
		return false;
	nd->target = l4 + 8;
	for (unsigned n = 0; n < FT_MAX_ND_OPTIONS && ofs + 8 <= end; n++) {
		unsigned len = data[ofs + 1] * 8u;
		unsigned *found = data[ofs] == 1 && solicit    ? &nd->sll
				  : data[ofs] == 2 && !solicit ? &nd->tll
							       : NULL;

		if (!len || ofs + len > end)
			return false;
		if (found && len == 8) {
			if (*found)
				return false;
			*found = ofs + 2;
		}
		ofs += len;
	}
	return true;
}
