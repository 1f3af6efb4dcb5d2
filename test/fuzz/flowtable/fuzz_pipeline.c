// SPDX-License-Identifier: Apache-2.0
// An inner frame off the wire: extraction, edits in any order, and the pipeline with rules that
// push, pop, copy and flood. The first bytes of the input choose the edits, the rest is the frame.
// Memory safety is the sanitizers' part; here: the key stays in step with the bytes, and the books
// balance.

#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"
#include "packets.h"

enum {
	EDITS = 8,
	EDIT_BYTES = 6,
	HEAD = EDITS * EDIT_BYTES,
	PORTS = 3
};

// ---- edits

static void edit(struct weft_packet *p, struct weft_flow_key *k, const uint8_t op[EDIT_BYTES])
{
	uint16_t type = (uint16_t)(op[2] << 8 | op[3]);
	uint8_t value[16], mask[16];

	for (unsigned i = 0; i < 16; i++) {
		value[i] = (uint8_t)(op[2 + i % 4] + i);
		mask[i] = (uint8_t)(op[5] ? 255 : op[2 + i % 3]);
	}
	switch (op[0] % 13) {
	case 0:
		ft_push_vlan(p, k, type);
		break;
	case 1:
		ft_pop_vlan(p, k);
		break;
	case 2:
		ft_push_mpls(p, k, type);
		break;
	case 3:
		ft_pop_mpls(p, k, type);
		break;
	case 4:
		ft_push_pbb(p, k, type);
		break;
	case 5:
		ft_pop_pbb(p, k);
		break;
	case 6:
		ft_copy_ttl_in(p, k);
		break;
	case 7:
		ft_copy_ttl_out(p, k);
		break;
	case 8:
		ft_dec_nw_ttl(p, k);
		break;
	case 9:
		ft_dec_mpls_ttl(p, k);
		break;
	case 10:
		ft_remark_dscp(p, k, op[1]);
		break;
	default:
		ft_set_field(p, k, (enum weft_field)(op[1] % WEFT_FIELDS_ALL), value, mask);
	}
}

static void run_edits(const uint8_t *ops, const uint8_t *frame, size_t len)
{
	struct packet *p = packet_new(frame, len);
	struct weft_packet again;
	struct weft_flow_key k;

	ft_extract(&p->ft.pkt, &p->ft.key);
	for (unsigned i = 0; i < EDITS; i++) {
		edit(&p->ft.pkt, &p->ft.key, ops + i * EDIT_BYTES);
		again = p->ft.pkt;
		k = p->ft.key;
		ft_extract(&again, &k);
		check(memcmp(&k, &p->ft.key, sizeof(k)) == 0, "the key is out of step");
		check(memcmp(&again, &p->ft.pkt, sizeof(again)) == 0, "offsets are out of step");
		check(again.data == p->memory + again.headroom, "headroom");
		check(again.headroom + again.len == ROOM + len, "length");
	}
	packet_free(p);
}

// ---- the pipeline

struct request {
	struct weft_instructions instr;
	uint8_t actions[256];
};

static void add(struct request *r, bool write, uint16_t type, uint32_t arg)
{
	uint16_t len = type == WEFT_ACTION_OUTPUT ? 16 : 8;
	struct weft_action a = {type, len, arg};

	memcpy(r->actions + r->instr.apply_len + r->instr.write_len, &a, sizeof(a));
	if (write)
		r->instr.write_len += len;
	else
		r->instr.apply_len += len;
	r->instr.flags |= write ? WEFT_INSTR_WRITE : WEFT_INSTR_APPLY;
}

static void rule(struct ft_switch *sw, uint8_t table, uint16_t type, const struct request *r)
{
	struct weft_flow_mod mod = {.command = WEFT_FLOW_ADD,
		.table = table,
		.priority = type,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};
	struct weft_flow_key value = {0}, mask = {0};
	struct weft_match match;

	if (type) {
		value.eth_type = htons(type);
		mask.eth_type = 0xffff;
	}
	weft_match_from_key(&match, &value, &mask);
	check(ft_flow_mod(sw, &mod, &match, &r->instr) == WEFT_E_NONE, "setup");
}

// Table 0 decrements TTLs and copies; table 1 tags and floods.
static void rules(struct ft_switch *sw)
{
	static const uint16_t types[] = {0x800, 0x86dd, 0};
	struct request r;

	for (unsigned i = 0; i < 3; i++) {
		r = (struct request){.instr = {.flags = WEFT_INSTR_GOTO, .goto_table = 1}};
		add(&r, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER);
		if (types[i])
			add(&r, false, WEFT_ACTION_DEC_NW_TTL, 0);
		add(&r, true, WEFT_ACTION_PUSH_VLAN, 0x8100);
		rule(sw, 0, types[i], &r);
	}
	r = (struct request){0};
	add(&r, false, WEFT_ACTION_PUSH_MPLS, 0x8847);
	add(&r, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_NORMAL);
	add(&r, false, WEFT_ACTION_PUSH_PBB, 0x88e7);
	add(&r, false, WEFT_ACTION_OUTPUT, WEFT_OFPORT_IN_PORT);
	add(&r, true, WEFT_ACTION_OUTPUT, WEFT_OFPORT_FLOOD);
	rule(sw, 1, 0, &r);
}

static struct ft_switch *make_switch(void)
{
	struct ft_switch *sw = switch_new(PORTS);

	ft_switch_set_flags(sw, FT_SWITCH_LEARN);
	rules(sw);
	return sw;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ft_switch *sw;
	struct books books = {{output, packet_in, drop, clone, learn}, 1, 0};
	struct ft_packet *p;

	if (!sw)
		sw = make_switch();
	if (size < HEAD)
		return 0;
	run_edits(data, data + HEAD, size - HEAD);
	p = &packet_new(data + HEAD, size - HEAD)->ft;
	p->key.in_port = htonl(data[0] % 4u ? data[0] % 4u : WEFT_OFPORT_OVERLAY);
	ft_switch_process(sw, 0, 1, &p, 1, &books.sink);
	check(books.begun == books.ended, "a packet was lost");
	return 0;
}
