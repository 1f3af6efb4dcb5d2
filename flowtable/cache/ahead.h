// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looking ahead: a burst's packets for many switches, before they go through the tables of one
// switch after the other.
//
// Where a thousand tenants' packets come in turn, each switch gets one packet of a burst, and all
// that this meets is far away: the switch, its tables, their columns and rows, a rule, what it
// does, where it is counted; some sixty cache lines, most of which can't be asked for before
// another has come. One packet after the other would wait for each of them. So before that all
// packets of the burst go the likely way together, step by step: at each step every packet asks for
// its line, and no one waits.
//
// This changes nothing, and promises nothing. It follows rules that do nothing but go on to the
// next table, finds them by bit vectors (bits.h), and stops where there are none. Where few
// switches have all the packets it would cost and gain nothing: what they have is near already. So
// each worker remembers which ones it met lately.

#include "flowtable/cache/cache.h"

#define FT_AHEAD_NEAR 128u // switches, whose tables a core's second cache may hold

// A worker's own; all zeros at first.
struct ft_ahead {
	uint32_t met[FT_AHEAD_NEAR]; // ft_switch_number(), at that modulo
};

// These arrivals are about to go through the tables (bits of `which`, the first FT_BURST of a[]):
// is it worth it?
bool ft_ahead_pays(struct ft_ahead *, const struct ft_arrival a[], uint64_t which);

// The n <= FT_BURST packets are for sws[]. Their keys become extracted, unless they are already;
// what the caller has to fill in of them is there.
void ft_look_ahead(struct ft_switch *const sws[], struct ft_packet *const pkts[], unsigned n,
	unsigned worker, bool extracted);
