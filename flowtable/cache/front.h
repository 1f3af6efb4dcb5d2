// SPDX-License-Identifier: Apache-2.0
#pragma once
// The front of a switch: the one cache line that a packet on a known way reads of it.
//
// Where the packets of many thousand switches come in turn, what each costs is the lines that
// nobody read lately: of its switch, of whom it belongs to, of the flow cache, of its path. So all
// that it takes to find the path of a packet, and to know that it holds, lies here: two clocks, the
// bits of a frame that matter, a number; and room for some flags of the switch's owner, so that he
// needs no line of his own. Whoever leads packets to switches (by VNI, by port) leads them to
// fronts.
//
// Fronts lie side by side where switches have commons (commons.h), in so few pages that all of them
// can be known to a processor's translation buffer.
//
// Workers read, the writer writes. It lives as long as the switch.

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

struct ft_gist;
struct ft_masks;
struct ft_switch;

struct ft_front {
	_Atomic uint64_t epoch;                 // moves with every change that a path depends on
	_Atomic uint64_t fdb_epoch;             // moves with every change of the FDB
	_Atomic uint64_t base_epoch;            // the latest change that is not in the history
	_Atomic(const struct ft_masks *) masks; // relevance.h; replaced whole
	struct ft_switch *sw;                   // constant; NULL: it stands for no switch
	void *ctx;                              // the switch's, constant
	uint32_t number;                        // of all switches there ever were; constant
	_Atomic uint32_t flags;                 // the owner's
	_Atomic(struct ft_gist *) gist;         // gist.h; NULL: there is none
};
static_assert(sizeof(struct ft_front) == 64, "one line");

// Any thread, as long as the switch lives.
struct ft_front *ft_switch_front(const struct ft_switch *);
