// SPDX-License-Identifier: Apache-2.0
#pragma once
// A herd: all paths of one switch that one flow cache knows to hold, taken as one.
//
// A controller that changes rule after rule leaves nearly every path out of date that a packet
// comes by, and to hold each of them against each change (history.h) costs more than the packets
// do. But most changes concern none of the paths, for what all of them have in common shows that:
// none looks at the table, or each finds a rule there that is above the changed one, or all their
// packets are others (alike.h). So a change is held against that once, by the first packet that
// meets it, and a path of the herd holds because the herd does:
//
//	every path whose epoch is `since` or later holds at `until`
//
// A path joins when it is learned or was held against the changes by itself. A change that may
// concern one of them lets all go (`since` moves to it), and they come back one by one. What paths
// have in common becomes less as they join, and never more as they are forgotten; so after some
// such changes the herd begins anew, with none.
//
// A cache has few herds, by the switches' numbers; whose switch finds another's there takes it.
// Only a switch that changes asks for one.
//
// A worker's own. All zeros: nobody's.

#include "flowtable/cache/alike.h"

struct ft_path;
struct ft_switch;

#define FT_HERDS 64u       // a power of two
#define FT_HERD_TABLES 32u // more share their places; a power of two
#define FT_HERD_NONE 0x10000u
#define FT_HERD_LETS_GO 256u // so often before it begins anew

struct ft_herd {
	uint32_t number; // of the switch
	uint32_t paths;  // that have joined
	uint64_t since, until;
	uint64_t begun; // the least epoch of a path that can have joined
	uint32_t let_go;
	// The lowest priority that one of them found in such a table; 0: one found nothing;
	// FT_HERD_NONE: none looked.
	uint32_t lowest[FT_HERD_TABLES];
	struct ft_alike alike;
};

static inline struct ft_herd *ft_herd_of(struct ft_herd herds[FT_HERDS], uint32_t number)
{
	return &herds[number % FT_HERDS];
}

// From which epoch on a path that held then holds at `epoch`, an even one that the switch had;
// `epoch` itself: no herd says so.
uint64_t ft_herd_since(struct ft_herd *, const struct ft_switch *, uint64_t epoch);
// The path, whose rules are there, holds at its epoch, at which it was learned or held against the
// changes; or packets go it that no packet of it was like. All are as `alike` says.
void ft_herd_join(struct ft_herd *, const struct ft_path *, const struct ft_alike *alike);
// It held already when its epoch was that: has it joined?
static inline bool ft_herd_has(const struct ft_herd *h, uint64_t epoch)
{
	return epoch >= h->begun;
}
