// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is left of an uplink whose device is closed while tenants' ways still lead there.
//
// Thousands of tenants may send by an uplink, and each has a set of ways that says so. When it goes
// these are built again, some in each turn of the control loop, so that nobody waits for all of
// them. Its device may be wanted before that is done: by a port that comes in its place, or because
// a transaction ends. So a port that goes can leave its shell, to which workers send as before, but
// what they send is refused and counted as a device's that is full. When no set is left from the
// time when it was hidden, the shell is freed, two grace periods later.
//
// Its index stays taken until then: workers tell the ports of a burst apart by it.
//
// Control thread.

#include <stdbool.h>
#include <stdint.h>

struct dp;
struct dp_port;

#define DP_SHELLS_MAX 32u // at once; for one more all ways are built again

// The port was hidden just now, and whom it concerns is marked stale (dp_tenants_stale()).
void dp_port_shell_mark(const struct dp *dp, struct dp_port *p);
// Whether some tenant's ways may have led to it when dp->fresh was `then`.
bool dp_port_was_led_to(const struct dp_port *p, uint64_t then);
// Closes the device of one in no list any more, waiting until no worker is in it, and keeps the
// rest as long as it is led to.
void dp_port_leave_shell(struct dp *dp, struct dp_port *p);
// Lets those go to which no ways lead any more. To be called now and then.
void dp_port_shells_poll(struct dp *dp);
void dp_port_shells_fini(struct dp *dp); // no workers are left
