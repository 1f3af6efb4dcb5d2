// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the bytes of a packet to 128 keyed bits that stand for all that its switch may ask of it.
//
// No key is extracted. A frame that is plainly IPv4 or IPv6, right behind the Ethernet header or
// one VLAN tag, or ARP, has its fields at fixed places: with TCP, UDP, SCTP or ICMP their ports or
// type and code, with any other protocol none. Those that some rule of the switch may look at are
// cut out by a mask (struct ft_masks) and hashed together with where the packet came from. So two
// packets of one print are alike in all that can decide their way, and a switch whose rules look at
// ports of the switch alone has one print for all packets between two machines.
//
// Every other frame has no print and goes the full way: a second tag, an option, an extension
// header that is walked over, a fragment, neighbour discovery, a TTL that is about to end, a length
// that contradicts itself.
//
// What the mask leaves out: lengths, identification, checksums, sequence numbers, and every field
// that no rule of any table has a bit of. What it never leaves out: MAC addresses (the FDB) and the
// protocol. Rules come and go while workers read: the mask has grown before the first version with
// a new rule can be seen, and shrinks after the last that had it (relevance.c).
//
// Keyed: each 16 bytes go through four rounds of AES with round keys of their own, and the results
// are added. Frames that differ in one part never collide; frames that differ in several do so with
// a probability of 2^-113 (Keliher and Sui, 2007, on four rounds), whoever chooses them, as long as
// the keys are unknown: nothing that leaves the switch depends on them. Without AES instructions
// two chains of multiplications take their place.

#include "flowtable/cache/cache.h"
#include "flowtable/switch.h"

struct ft_print {
	uint64_t lo, hi;
};

// Round keys, and what distinguishes one life of the cache from the next.
struct ft_print_keys {
	_Alignas(64) uint64_t round[4][8]; // round r, 16 bytes a lane: frame bytes 0, 16, 32, 48
	uint64_t from[4][2];               // of where it came from
	uint64_t tunnel[12][2];            // of a struct ft_tunnel
};

void ft_print_keys_init(struct ft_print_keys *, uint64_t seed);

// Where prints lead: to the line of number `lo` & mask, which is asked for as soon as it is known
// which one, so that it comes while the next prints are made.
struct ft_print_lines {
	const char *line; // of 64 bytes each
	uint32_t mask;
};

// Fills prints[] for those of the n that have one, by the masks of their switches; their bits are
// returned.
typedef uint64_t ft_prints_fn(const struct ft_print_keys *, const struct ft_arrival a[],
	const struct ft_masks *const masks[], unsigned n, struct ft_print_lines,
	struct ft_print prints[]);

// The one that this processor does best.
extern ft_prints_fn *ft_prints;

// In one source for several instruction sets, like lookup.c; ft_isa_use() chooses.
ft_prints_fn ft_prints_scalar;
ft_prints_fn ft_prints_aes;
ft_prints_fn ft_prints_vaes;
