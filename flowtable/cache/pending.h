// SPDX-License-Identifier: Apache-2.0
#pragma once
// What packets on known ways have counted, and their rules and tables have not been told yet.
//
// A packet's way may lie through dozens of rules, each with a counter in a cache line of its own,
// and so have its tables. If each packet wrote to all of them, a known way would cost the more the
// longer it is, and where it is one of thousands, each of these lines would come from far away. So
// a packet counts in its path alone, in the line that it looks at anyway (path.h), and the path is
// put on this list. Later it is *folded*: what is pending goes to the counters, once for all of its
// packets.
//
// When? What waits must not outlast what it is to be counted on, and whoever reads counters wants
// all of it. Both are what a grace period is for: nobody can be told what a removed rule has
// counted, and it is not freed, before each worker has said that it holds nothing that was there
// when the grace period began. So pending counts are just one more thing that a worker holds, and
// there is one rule:
//
//	a worker is in a quiescent state only when nothing is pending
//
// and it need not be in one while nobody waits for that. Hence a rule's last counts are in before
// it is told as removed, a number's before it is given to another rule, a switch's before it goes,
// without any of these knowing of paths; and a reader who waits for a grace period first finds all
// that had been counted when he asked. Where no worker is asked for long, the writer asks now and
// then, so that counters and ages are never far behind (ft_env.counted_ns).
//
// Folding goes in steps, one a turn of the worker's loop, so that no packet waits for long. From
// the first step to the last, packets count as if there were no list; or it might never be empty.
//
// A worker's own, as the cache is (cache.h).

#include <stdbool.h>
#include <stdint.h>

struct ft_path;

struct ft_pending {
	uint32_t *list; // numbers of paths, each once; room for all
	uint32_t n;
	bool folding; // the list may only become shorter
	// Who else counts packets on known ways; NULL: nobody. ft_cache_tell().
	void (*told)(void *ctx, const struct ft_path *, uint64_t packets, uint64_t used_ns);
	void *ctx;
};

#define FT_FOLD_TABLES 64u // a step: tables on the ways of the paths that are folded in it

// n packets went the path: all who count are told.
void ft_pending_tell(const struct ft_pending *, const struct ft_path *, unsigned worker, uint64_t n,
	uint64_t bytes, uint64_t used_ns);
// One step. True: more is left. `path`: the path with number 0.
bool ft_pending_fold(struct ft_pending *, struct ft_path *path, unsigned worker);
