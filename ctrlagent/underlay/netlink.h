// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's tables by rtnetlink: read into a view, watched for changes, and neighbours asked
// for.
//
// A change only says "look again": the tables are then read whole, at most once per
// NETLINK_SETTLE_MS, so that a lost message (ENOBUFS) costs nothing and nothing is ever out of
// step.

#include <event2/event.h>

#include "underlay/view.h"

#define NETLINK_SETTLE_MS 20

struct netlink;

// `changed` is called from the loop after something changed and settled. NULL: *error says why; it
// is a constant.
struct netlink *netlink_new(
	struct event_base *base, void (*changed)(void *arg), void *arg, const char **error);
void netlink_free(struct netlink *nl);

// Fills `v`, which is empty. False: the kernel did not answer; `v` is empty again.
bool netlink_read(struct netlink *nl, struct view *v);

// What the kernel knows of the path to `ip` from its own traffic, as `ip route get` says it: the
// MTU of the route that a packet would take, exceptions (RFC 1191, RFC 8201) included; 0: no limit
// but the interface's, or no route. Waits for the answer. The kernel tells nobody when an exception
// comes or goes, so ask from time to time.
uint32_t netlink_path_mtu(struct netlink *nl, const struct weft_ip *ip);

// Has the kernel resolve or confirm this neighbour now (RTM_NEWNEIGH with NTF_USE). Does not wait.
void netlink_probe(struct netlink *nl, int link, const struct weft_ip *ip);
