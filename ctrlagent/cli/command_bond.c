// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"
#include "text/names.h"

// IEEE 802.1AX, 6.4.2.3, from bit 0 on.
static json_t *lacp_state(uint8_t state)
{
	static const char *const bits[] = {"activity", "short-timeout", "aggregation",
		"synchronization", "collecting", "distributing", "defaulted", "expired"};
	json_t *set = json_array();

	for (unsigned i = 0; i < 8; i++)
		if (state >> i & 1)
			json_array_append_new(set, json_string(bits[i]));
	return set;
}

static void add_lacp(json_t *row, const struct weft_ipc_bond *b)
{
	static const struct weft_mac none;
	char mac[MAC_TEXT_MAX];

	if (!(b->flags & WEFT_BOND_HAS_LACP))
		return;
	json_object_set_new(row, "actor_state", lacp_state(b->actor_state));
	if (weft_mac_equal(&b->partner, &none))
		return; // nobody answers
	json_object_set_new(row, "partner", json_string(mac_format(&b->partner, mac)));
	json_object_set_new(row, "partner_priority", json_integer(b->partner_priority));
	json_object_set_new(row, "partner_key", json_integer(b->partner_key));
	json_object_set_new(row, "partner_port", json_integer(b->partner_port));
	json_object_set_new(row, "partner_state", lacp_state(b->partner_state));
}

static const char *member_state(const struct weft_ipc_bond *b)
{
	if (!(b->flags & WEFT_BOND_LINK))
		return "down";
	return b->flags & WEFT_BOND_ACTIVE ? "active" : "standby";
}

static void on_member(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_bond b;

	memcpy(&b, body, sizeof(b));
	b.uplink[WEFT_NAME_MAX] = b.member[WEFT_BOND_MEMBER_MAX] = 0;
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "uplink",
		b.uplink, "mode", bond_mode_name(b.mode), "member", b.member, "state",
		member_state(&b), "link", !!(b.flags & WEFT_BOND_LINK), "losses",
		(json_int_t)b.losses, "rx_packets", (json_int_t)b.stats.rx_packets, "rx_bytes",
		(json_int_t)b.stats.rx_bytes, "tx_packets", (json_int_t)b.stats.tx_packets,
		"tx_bytes", (json_int_t)b.stats.tx_bytes, "rx_dropped",
		(json_int_t)b.stats.rx_dropped);
	add_lacp(row, &b);
	json_array_append_new(r->rows, row);
}

void command_bond_list(struct request *r)
{
	static const struct column columns[] = {{"UPLINK", "uplink"}, {"MODE", "mode"},
		{"MEMBER", "member"}, {"STATE", "state"}, {"LOSSES", "losses"},
		{"RX", "rx_packets"}, {"TX", "tx_packets"}, {"PARTNER", "partner"},
		{"KEY", "partner_key"}, {"PORT", "partner_port"}, {0}};
	static const struct listing listing = {WEFT_IPC_DUMP_BONDS, on_member, columns, "no bonds"};

	answer_listing(r, &listing);
}
