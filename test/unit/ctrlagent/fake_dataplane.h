// SPDX-License-Identifier: Apache-2.0
#pragma once
// The smallest data plane that keeps the contract of <weft/ipc.h>: it stores what it is told,
// checks what can go wrong by name (exists, not found, in use), knows transactions, and answers
// dumps. It forwards nothing. Tests of the agent run it on the agent's own event loop; nothing of
// it is in a program that is installed.

#include <event2/event.h>

#include <weft/ipc.h>

struct fake_dataplane;

// Both sockets are made, and served from `base`. NULL: errno says why.
struct fake_dataplane *fake_dataplane_new(
	struct event_base *base, const char *control_path, const char *punt_path);
void fake_dataplane_free(struct fake_dataplane *dp);

// As if it had been killed and started again: the connection breaks, all is forgotten, new epoch.
void fake_dataplane_restart(struct fake_dataplane *dp);
// The connection breaks, nothing else.
void fake_dataplane_hang_up(struct fake_dataplane *dp);

// What was received since the start, of one type; and commits that changed something.
unsigned fake_dataplane_count(const struct fake_dataplane *dp, enum weft_ipc_type type);

// The operation of this type that comes next is refused.
void fake_dataplane_fail_next(
	struct fake_dataplane *dp, enum weft_ipc_type type, enum weft_error error);

// Dumps of rules that wait for DUMP_MORE; `sent`: bytes of such that went out, ever.
unsigned fake_dataplane_waiting(const struct fake_dataplane *dp, size_t *sent);

// Devices whose name begins with "absent" cannot be opened; from now on they can.
void fake_dataplane_devices_come(struct fake_dataplane *dp);

// A port is gone, as one that could not be opened again.
void fake_dataplane_lose_port(struct fake_dataplane *dp, const char *name);

// Sends an event, or a packet-in over the punt socket.
void fake_dataplane_event(struct fake_dataplane *dp, enum weft_ipc_type type, weft_tenant_id tenant,
	const void *body, size_t len);
void fake_dataplane_punt(
	struct fake_dataplane *dp, weft_tenant_id tenant, const void *frame, uint32_t len);
// With what lies behind the frame: `more_len` bytes, said to be `said`.
void fake_dataplane_punt_more(struct fake_dataplane *dp, weft_tenant_id tenant, const void *frame,
	uint32_t len, const void *more, size_t more_len, uint16_t said);

// The state, NULL if there is none by that name or address.
const struct weft_ipc_tenant *fake_dataplane_tenant(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *id);
const struct weft_ipc_port *fake_dataplane_port(
	const struct fake_dataplane *dp, const char *name, weft_tenant_id *tenant);
const struct weft_ipc_nexthop *fake_dataplane_nexthop(
	const struct fake_dataplane *dp, const struct weft_ip *vtep);
bool fake_dataplane_has_vtep(
	const struct fake_dataplane *dp, weft_tenant_id tenant, const struct weft_ip *vtep);
const struct weft_ipc_host *fake_dataplane_host(const struct fake_dataplane *dp);
// Records of all kinds: tenants, ports, vteps, nexthops, fdb entries, rules.
size_t fake_dataplane_records(const struct fake_dataplane *dp);
