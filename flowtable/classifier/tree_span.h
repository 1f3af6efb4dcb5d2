// SPDX-License-Identifier: Apache-2.0
#pragma once
// Spans: rules that are the pieces of a range of ports, as one rule of a tree (tree.h).
//
// OpenFlow has masks and no ranges. So who wants the ports from 1,024 on has six rules, and who
// wants that of both ports 36, which are alike in all else: of ClassBench's fw1 two rules in three
// are of such a set. In a tree they would be as many lanes of the same leaf, and as many nodes'
// children. Instead they are one lane, and have numbers (ranks) one behind the other. A lane says
// of each port where its range begins and how much larger the last one is; a rule that is no piece
// of anything is a range, too, of an aligned power of two.
//
// A span goes by the number of its last piece. For a range's upper end is mostly the largest port,
// and then its last piece is half of it, so that who finds a span fetches the right slot or one
// near it before it is known which piece it is.
//
// Which of the pieces a port is in is a matter of arithmetic, for an interval falls into aligned
// blocks in one way only, if they are to be as few as can be. Let `before` and `after` be the
// numbers beside the range. Below the highest bit in which these two differ, each 0 of `before` is
// a block, ascending, and then each 1 of `after`, descending. A port is in the block of the highest
// bit in which it differs from the one of the two that is on its side.
//
// The pieces of both ports are numbered like the squares of a board, the lower port's side by side.
// Every piece there is in the classifier when the tree is made, or there is no span; one that goes
// afterwards leaves its slot empty, as any rule does.
//
// "The ports" are what lies in FT_PORTS_WORD: the source's below and the target's above. Nothing
// here knows more of them than that they are two numbers of 16 bits, big-endian.

#include "flowtable/classifier/shape.h"

#define FT_PORTS_WORD (offsetof(struct weft_flow_key, l4_src) / 8) // of 64 bits; its upper half,
#define FT_PORTS_HALF (offsetof(struct weft_flow_key, l4_src) / 4)
static_assert(FT_PORTS_HALF == 2 * FT_PORTS_WORD + 1, "the upper half of a word");
static_assert(offsetof(struct weft_flow_key, l4_dst) == 4 * FT_PORTS_HALF + 2, "side by side");

// Of both ports, 16 bits each, as numbers: from `low` to `low + size`.
struct ft_span {
	uint32_t low, size;
};
#define FT_SPAN_ALL ((struct ft_span){0, UINT32_MAX})

// Sizes that a tree may have: those of blocks, each by the number of its bits, then some others.
#define FT_SPAN_SIZES 32u
#define FT_SPAN_BLOCKS 17u

// Two big-endian numbers as they lie in the key, or the other way round.
static inline uint32_t ft_ports_swap(uint32_t v)
{
	return (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff);
}

// Of the lower or the upper port.
static inline uint32_t ft_port_of(uint32_t ports, unsigned upper)
{
	return ports >> 16 * upper & 0xffff;
}

static inline bool ft_span_has(struct ft_span s, uint32_t ports)
{
	uint32_t lower = ft_port_of(ports, 0) - ft_port_of(s.low, 0);
	uint32_t upper = ft_port_of(ports, 1) - ft_port_of(s.low, 1);

	return (lower & 0xffff) <= ft_port_of(s.size, 0) &&
	       (upper & 0xffff) <= ft_port_of(s.size, 1);
}

struct ft_piece {
	uint32_t behind, of; // so many are behind it, of so many
};

// Which piece of a range the port is in.
static inline struct ft_piece ft_piece_of(uint32_t low, uint32_t size, uint32_t port)
{
	uint32_t before = low + 0xffff, after = low + size + 0x10001, is = port + 0x10000;
	uint32_t below = UINT32_MAX >> __builtin_clz(before ^ after) >> 1;
	uint32_t rising = ~before & below, falling = after & below;
	bool falls = is & (below + 1);
	uint32_t beneath = UINT32_MAX >> __builtin_clz(is ^ (falls ? after : before)) >> 1;
	uint32_t counted = falls ? falling & beneath : rising & ~(2 * beneath + 1);
	uint32_t fallen = (uint32_t)__builtin_popcount(falling);

	return (struct ft_piece){
		.behind = (uint32_t)__builtin_popcount(counted) + (falls ? 0 : fallen),
		.of = (uint32_t)__builtin_popcount(rising) + fallen,
	};
}

// Likewise of both ports, which the span has.
static inline struct ft_piece ft_span_piece(struct ft_span s, uint32_t ports)
{
	struct ft_piece p[2];

	for (unsigned upper = 0; upper < 2; upper++)
		p[upper] = ft_piece_of(ft_port_of(s.low, upper), ft_port_of(s.size, upper),
			ft_port_of(ports, upper));
	return (struct ft_piece){p[1].behind * p[0].of + p[0].behind, p[1].of * p[0].of};
}

// What a rule with these values and masks of the ports, as in the key, takes. False: its masks are
// not those of blocks.
static inline bool ft_span_of_mask(uint32_t value, uint32_t mask, struct ft_span *s)
{
	uint32_t size = ~ft_ports_swap(mask), lower = ft_port_of(size, 0);
	uint32_t upper = ft_port_of(size, 1);

	*s = (struct ft_span){ft_ports_swap(value), size};
	return !(lower & (lower + 1)) && !(upper & (upper + 1));
}

// The mask, as in the key, of what all ports in it have in common.
static inline uint32_t ft_span_mask(struct ft_span s)
{
	uint32_t mask = 0;

	for (unsigned upper = 0; upper < 2; upper++) {
		uint32_t low = ft_port_of(s.low, upper), high = low + ft_port_of(s.size, upper);
		uint32_t differ = low ^ high;

		while (differ & (differ + 1))
			differ |= differ >> 1;
		mask |= (~differ & 0xffff) << 16 * upper;
	}
	return ft_ports_swap(mask);
}
