// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether a classifier is calm: every rule that is its chain's first is there for a reader of some
// version, so that it need not ask the rule, whose line nothing else of a lookup needs.
//
// A rule that goes is in its chain until no reader is at a version that has it; from when it is
// staged to when it is unlinked the classifier is not calm. A rule that took the place of another
// in front of its chain is not there for older versions. The first are counted as they begin and as
// they end, of the others the newest version is kept.
//
// The reader's order: how many have ended; then the chains; then how many have begun. If these are
// the same none was under way in between, nor before, at its version or an older one: for a
// removal begins before its version is published, and ends after the chain has changed. A writer
// that aborts leaves a version that nobody gets to; then it is calm from the next one on.

#include "flowtable/rules/rule.h"

struct ft_calm {
	_Atomic uint64_t begun, ended; // removals
	_Atomic uint64_t newest;       // version
};

// ---- workers

// Before chains are looked at.
static inline uint64_t ft_calm_before(const struct ft_calm *c)
{
	return atomic_load_explicit(&c->ended, memory_order_acquire);
}

// After they were looked at, with acquire.
static inline bool ft_calm_after(const struct ft_calm *c, uint64_t before, uint64_t version)
{
	return atomic_load_explicit(&c->begun, memory_order_acquire) == before &&
	       atomic_load_explicit(&c->newest, memory_order_relaxed) <= version;
}

// ---- writer

// A removal is staged.
static inline void ft_calm_begins(struct ft_calm *c)
{
	ft_counter_bump(&c->begun, 1);
}

// It is undone, or nobody finds the rule any more.
static inline void ft_calm_ends(struct ft_calm *c)
{
	atomic_store_explicit(&c->ended, atomic_load_explicit(&c->ended, memory_order_relaxed) + 1,
		memory_order_release);
}

// Rules that were added by this version or older ones are about to be found.
static inline void ft_calm_since(struct ft_calm *c, uint64_t version)
{
	if (version > atomic_load_explicit(&c->newest, memory_order_relaxed))
		atomic_store_explicit(&c->newest, version, memory_order_relaxed);
}

static inline void ft_calm_adds(struct ft_calm *c, const struct ft_rule *r)
{
	ft_calm_since(c, r->life.added);
}
