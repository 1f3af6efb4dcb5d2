// SPDX-License-Identifier: Apache-2.0
#pragma once
// A switch's share of the data plane.
//
// One data plane serves all switches in the order in which they ask, so what one of them has asked
// for is what the others wait for. Therefore a switch may have only so much under way, whatever the
// number of its sessions; past that, these are paused until half of it is done. A change of one
// rule weighs 1; one that searches a table, as every rule of the tenant may have to be looked at,
// weighs as many as can be done meanwhile.
//
// So much is what the data plane does in a quarter of a millisecond, which is what the barrier of
// another session then waits; and two transactions, so that neither process waits for the other.
//
// It outlives the switch until the last session and its last request are gone: a session that is
// closed and opened again does not get a second share.

#include <stdbool.h>

struct session_switch;

#define SESSION_SHARE 256u // weight that a switch may have under way
#define SESSION_WEIGHT_SEARCH 128u

struct session_share {
	struct session_switch *sw; // NULL: it is gone
	unsigned refs;
	unsigned weight; // under way
	bool spent;      // until weight falls to half
};

struct session_share *session_share_new(struct session_switch *sw);
struct session_share *session_share_ref(struct session_share *s);
void session_share_unref(struct session_share *s); // NULL is fine

void session_share_take(struct session_share *s, unsigned weight);
void session_share_give_back(struct session_share *s, unsigned weight); // sessions may go on
