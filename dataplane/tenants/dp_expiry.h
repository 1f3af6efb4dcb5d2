// SPDX-License-Identifier: Apache-2.0
#pragma once
// What ends by itself: rules with timeouts, learned addresses, bindings, listeners.
//
// Once a second a round begins, over all tenants. There may be thousands of tenants, and a million
// rules may be due in the same second; so a turn of the control loop does a bounded part, and the
// next turn goes on where that left off. A round that has not ended when the next one is due
// delays it.
//
// A table that has been left alone gets a quicker form, and so have all tables of a switch together
// (ft_settle_gist()); where that takes long, a turn does a part of it, for one tenant after the
// other.
//
// Expiry is a transaction of its own, so it is only done while the stream has none open; under load
// that is seldom when a turn ends, so it is tried as well whenever one has been committed. Control
// thread.

#include <stdbool.h>

struct dp;
struct dp_tenant;

#define DP_EXPIRY_TENANTS 256u // looked at in a turn
#define DP_EXPIRY_RULES 1024u  // likewise, of those that are due
#define DP_EXPIRY_SETTLE 4u    // tables and gists that are made quicker in a turn

struct dp_expiry {
	struct dp_tenant *at; // whose turn is next; NULL: the round has ended
	unsigned tenants;     // that may still be looked at in this turn
	unsigned rules;
	unsigned settled;          // tables and gists, in this turn
	struct dp_tenant *growing; // whose tables' quicker form is being made; NULL: none's
	bool grown;                // a part of it in this turn
};

// A second has passed.
void dp_expiry_second(struct dp *dp);
// A turn of the control loop begins.
void dp_expiry_turn(struct dp *dp);
// Goes on, as far as this turn may. True: there is more to do in the next one.
bool dp_expiry_run(struct dp *dp);
// The tenant goes.
void dp_expiry_forget(struct dp *dp, const struct dp_tenant *t);
