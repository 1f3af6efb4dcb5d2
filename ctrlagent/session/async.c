// SPDX-License-Identifier: Apache-2.0
#include "session/async.h"

#include "session/conn.h"
#include "session/handlers.h"

#define PACKET_IN_1_3 (1u << OFPR_NO_MATCH | 1u << OFPR_ACTION | 1u << OFPR_INVALID_TTL)
#define PACKET_IN_ALL                                                                              \
	(PACKET_IN_1_3 | 1u << OFPR_ACTION_SET | 1u << OFPR_GROUP | 1u << OFPR_PACKET_OUT)
#define PORT_STATUS_ALL (1u << OFPPR_ADD | 1u << OFPPR_DELETE | 1u << OFPPR_MODIFY)
#define FLOW_REMOVED_1_3                                                                           \
	(1u << OFPRR_IDLE_TIMEOUT | 1u << OFPRR_HARD_TIMEOUT | 1u << OFPRR_DELETE |                \
		1u << OFPRR_GROUP_DELETE)
#define FLOW_REMOVED_ALL (FLOW_REMOVED_1_3 | 1u << OFPRR_METER_DELETE | 1u << OFPRR_EVICTION)
#define ROLE_STATUS_ALL                                                                            \
	(1u << OFPCRR_MASTER_REQUEST | 1u << OFPCRR_CONFIG | 1u << OFPCRR_EXPERIMENTER)
#define TABLE_STATUS_ALL (1u << OFPTR_VACANCY_DOWN | 1u << OFPTR_VACANCY_UP)
#define REQUEST_FORWARD_ALL (1u << OFPRFR_GROUP_MOD | 1u << OFPRFR_METER_MOD)
#define FLOW_COUNTS_ALL (1u << OFPFSR_STATS_REQUEST | 1u << OFPFSR_STAT_TRIGGER)
#define CONTROLLER_STATUS_ALL ((1u << (OFPCSR_EXPERIMENTER + 1)) - 1u)

// The reasons that 1.4 and later have. FLOW_COUNTS and CONTROLLER_STATUS are 1.5's.
static const uint32_t reasons[SESSION_ASYNC_KINDS] = {
	[SESSION_ASYNC_PACKET_IN] = PACKET_IN_ALL,
	[SESSION_ASYNC_PORT_STATUS] = PORT_STATUS_ALL,
	[SESSION_ASYNC_FLOW_REMOVED] = FLOW_REMOVED_ALL,
	[SESSION_ASYNC_ROLE_STATUS] = ROLE_STATUS_ALL,
	[SESSION_ASYNC_TABLE_STATUS] = TABLE_STATUS_ALL,
	[SESSION_ASYNC_REQUEST_FORWARD] = REQUEST_FORWARD_ALL,
	[SESSION_ASYNC_FLOW_COUNTS] = FLOW_COUNTS_ALL,
	[SESSION_ASYNC_CONTROLLER_STATUS] = CONTROLLER_STATUS_ALL,
};

static unsigned kinds_of(uint8_t version)
{
	if (version >= OF_VERSION_1_5)
		return SESSION_ASYNC_KINDS;
	return version >= OF_VERSION_1_4 ? SESSION_ASYNC_FLOW_COUNTS : SESSION_ASYNC_ROLE_STATUS;
}

void session_async_init(struct session_async *a, uint8_t version)
{
	bool late = version >= OF_VERSION_1_4;
	uint32_t packet_in = late ? PACKET_IN_ALL : PACKET_IN_1_3;

	*a = (struct session_async){
		.mask = {
			[SESSION_ASYNC_PACKET_IN] = {packet_in & ~(1u << OFPR_INVALID_TTL), 0},
			[SESSION_ASYNC_PORT_STATUS] = {PORT_STATUS_ALL, PORT_STATUS_ALL},
			[SESSION_ASYNC_FLOW_REMOVED] = {late ? FLOW_REMOVED_ALL : FLOW_REMOVED_1_3,
				0},
		}};
	if (!late)
		return;
	for (unsigned i = 0; i < 2; i++) {
		a->mask[SESSION_ASYNC_ROLE_STATUS][i] = ROLE_STATUS_ALL;
		a->mask[SESSION_ASYNC_CONTROLLER_STATUS][i] =
			version >= OF_VERSION_1_5 ? CONTROLLER_STATUS_ALL : 0;
	}
	a->mask[SESSION_ASYNC_TABLE_STATUS][0] = TABLE_STATUS_ALL;
	a->mask[SESSION_ASYNC_FLOW_COUNTS][0] = version >= OF_VERSION_1_5 ? FLOW_COUNTS_ALL : 0;
}

bool session_async_wanted(const struct session_conn *c, enum session_async_kind kind, int reason)
{
	bool slave = c->role == OFPCR_ROLE_SLAVE;

	return session_conn_is_up(c) && reason >= 0 && reason < 32 &&
	       c->async.mask[kind][slave] >> reason & 1;
}

// Before 1.3 a switch sends a packet that no rule matches to its controller (1.0.2, 3.4); later it
// drops it, unless a rule says so (1.3.5, 5.4).
static bool wants_misses(const struct session_conn *c)
{
	return c->version < OF_VERSION_1_3 &&
	       session_async_wanted(c, SESSION_ASYNC_PACKET_IN, OFPR_NO_MATCH);
}

void session_async_changed(struct session_switch *sw)
{
	struct session_conn *c;
	bool ttl = false, miss = false;

	LIST_FOREACH (c, &sw->conns, link) {
		ttl |= session_async_wanted(c, SESSION_ASYNC_PACKET_IN, OFPR_INVALID_TTL);
		miss |= wants_misses(c);
	}
	if (!sw->ready)
		return;
	if (ttl != sw->ttl_packet_in)
		sw->ops->ttl_packet_in(sw->arg, ttl);
	if (miss != sw->miss_packet_in)
		sw->ops->miss_packet_in(sw->arg, miss);
	sw->ttl_packet_in = ttl;
	sw->miss_packet_in = miss;
}

static void list_properties(struct of_writer *w, const struct session_async *a)
{
	for (unsigned i = 0; i < 2 * kinds_of(w->version); i++) {
		struct of_async_prop prop = {.kind = OF_ASYNC_PROP_REASONS};

		prop.reasons.kind = (uint16_t)i;
		prop.reasons.mask = a->mask[i / 2][!(i & 1)];
		of_async_prop_write(w, &prop);
	}
}

int session_handle_get_async(struct session_conn *c, struct session_request *rq)
{
	const struct session_async *a = &c->async;
	struct of_writer properties = {.version = c->version};
	struct of_get_async_request in;
	struct of_get_async_reply out = {.xid = rq->xid};

	if (of_get_async_request_read(&rq->r, &in))
		return -EBADMSG;
	memcpy(out.packet_in_mask, a->mask[SESSION_ASYNC_PACKET_IN], sizeof(out.packet_in_mask));
	memcpy(out.port_status_mask, a->mask[SESSION_ASYNC_PORT_STATUS],
		sizeof(out.port_status_mask));
	memcpy(out.flow_removed_mask, a->mask[SESSION_ASYNC_FLOW_REMOVED],
		sizeof(out.flow_removed_mask));
	if (c->version >= OF_VERSION_1_4)
		list_properties(&properties, a);
	out.properties = of_written(&properties);
	of_get_async_reply_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&properties);
	return 0;
}

void session_async_set_masks(struct session_conn *c, const uint32_t packet_in[2],
	const uint32_t port_status[2], const uint32_t flow_removed[2])
{
	struct session_async *a = &c->async;

	memcpy(a->mask[SESSION_ASYNC_PACKET_IN], packet_in, 2 * sizeof(uint32_t));
	memcpy(a->mask[SESSION_ASYNC_PORT_STATUS], port_status, 2 * sizeof(uint32_t));
	memcpy(a->mask[SESSION_ASYNC_FLOW_REMOVED], flow_removed, 2 * sizeof(uint32_t));
	session_async_changed(c->sw);
}

// `seen` has a bit for each property that came before.
static int take_property(struct session_async *a, const struct of_async_prop *prop, unsigned *seen,
	struct of_reader *r)
{
	unsigned kind;

	if (prop->kind != OF_ASYNC_PROP_REASONS)
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	kind = prop->reasons.kind;
	if (*seen >> kind & 1)
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_DUP_TYPE);
	if (prop->reasons.mask & ~reasons[kind / 2])
		return of_fail(r, OFPET_ASYNC_CONFIG_FAILED, OFPACFC_INVALID);
	*seen |= 1u << kind;
	a->mask[kind / 2][!(kind & 1)] = prop->reasons.mask;
	return 0;
}

// All of them or none; what no property names stays as it is.
int session_async_set_properties(
	struct session_conn *c, struct of_span list, uint8_t version, struct of_reader *r)
{
	struct of_reader it = of_list(list, version);
	struct session_async a = c->async;
	struct of_async_prop prop;
	unsigned seen = 0;

	while (of_async_prop_next(&it, &prop))
		if (take_property(&a, &prop, &seen, r))
			return -EBADMSG;
	if (it.failed)
		return of_fail_error(r, it.error);
	c->async = a;
	session_async_changed(c->sw);
	return 0;
}

// Bits of reasons that 1.3 does not have are kept, to be read back; nothing comes of them.
int session_handle_set_async(struct session_conn *c, struct session_request *rq)
{
	struct of_set_async in;

	if (of_set_async_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version >= OF_VERSION_1_4)
		return session_async_set_properties(c, in.properties, c->version, &rq->r);
	session_async_set_masks(c, in.packet_in_mask, in.port_status_mask, in.flow_removed_mask);
	return 0;
}
