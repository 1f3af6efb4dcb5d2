// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a transaction becomes visible all at once, and how what it removed is freed.
//
// Every rule, group and meter is an object that never changes what it means. It carries the version
// that adds it and the version that removes it; a change is a removal and an addition. A worker
// loads the switch's version once a burst (ft_version(), acquire) and sees exactly the objects with
// added <= version < removed. The writer stages everything under a number that no worker has seen,
// and ft_txn_commit() publishes it by one release-store. An aborted number is never used again, so
// that a leftover can't come to life.
//
// Two grace periods. After the first, no worker is at an older version: what the transaction
// removed is unlinked (its counters are final now, and flow-removed is told). After the second, no
// worker stands on the unlinked memory: it is freed.

#include <stdatomic.h>
#include <weft/types.h>

#define FT_VERSION_NEVER UINT64_MAX

struct ft_life {
	uint64_t added;           // constant once the object can be reached
	_Atomic uint64_t removed; // FT_VERSION_NEVER: not removed
};

// Workers: is it there at this version?
static inline bool ft_life_visible(const struct ft_life *l, uint64_t version)
{
	return l->added <= version &&
	       version < atomic_load_explicit(&l->removed, memory_order_relaxed);
}

// Writer: is it there in the state with all that is staged?
static inline bool ft_life_staged(const struct ft_life *l)
{
	return atomic_load_explicit(&l->removed, memory_order_relaxed) == FT_VERSION_NEVER;
}
