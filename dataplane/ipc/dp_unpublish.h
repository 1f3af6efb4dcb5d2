// SPDX-License-Identifier: Apache-2.0
#pragma once
// Taking a port out of what workers see when there is no memory for new lists.
//
// What workers read is replaced as a whole, which needs memory; but a port that goes must go: its
// device is closed after two grace periods, and whoever still led a worker to it would lead it into
// a closed device. So where a new list cannot be had, the port is struck out of the old one, by
// stores of a word each that a worker sees or not yet; what it has seen is good until its next
// quiescent state. Control thread.

struct dp;
struct dp_port;

// Of the tenant's port map and the workers' poll lists. Costs a look at each. (Of an uplink that
// tenants' ways lead to its shell is left: dp_port_shell.h.)
void dp_unpublish_from_map(struct dp_port *p);
void dp_unpublish_from_polls(struct dp *dp, const struct dp_port *p);
