// SPDX-License-Identifier: Apache-2.0
// Rules of any actions, Nicira's and OpenFlow 1.0's among them, that the input makes, in four
// tables and with a group; a frame that runs through them, and the same list as a packet-out. What
// is learned is applied, what stops goes on, also with a bit of its continuation changed. Memory
// safety is the sanitizers' part; here: every packet ends once, and what the switch lets stop it
// lets go on.

#include "packets.h"

enum {
	TABLES = 4,
	PORTS = 4,
	GROUP = 1,
	STOPPED = 8,
	LEARNED = 8,
	LIST = 1024
};

// ---- the input: zeros behind its end

struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static uint32_t below(struct input *in, uint32_t n)
{
	return byte(in) % n;
}

// ---- actions

static struct weft_subfield subfield(struct input *in)
{
	uint16_t f = (uint16_t)below(in, WEFT_FIELDS_ALL), bits = weft_field_infos[f].bits;
	uint16_t n = (uint16_t)(1 + below(in, bits));

	return (struct weft_subfield){f, (uint16_t)below(in, bits - n + 1u), n, 0};
}

static struct weft_action_set_field set_field(struct input *in, uint32_t f)
{
	const struct weft_field_info *info = &weft_field_infos[f];
	struct weft_action_set_field s = {{0}, {0}};
	bool masked = info->flags & WEFT_FIELD_M && below(in, 2);

	for (unsigned i = 0; i < info->bytes; i++) {
		s.mask[i] = masked ? byte(in) : 0xff;
		s.value[i] = byte(in) & s.mask[i];
	}
	if (info->bits % 8) {
		s.mask[0] &= (uint8_t)(0xff >> (8 - info->bits % 8));
		s.value[0] &= s.mask[0];
	}
	return s;
}

struct learn {
	struct weft_action_learn head;
	struct weft_learn_spec spec[3];
};

static size_t learn_action(struct input *in, struct learn *l)
{
	l->head = (struct weft_action_learn){.cookie = below(in, 3),
		.idle_timeout = byte(in),
		.fin_idle_timeout = byte(in),
		.priority = 7,
		.n_specs = (uint16_t)below(in, 4),
		.flags = (uint8_t)below(in, 8),
		.table = (uint8_t)below(in, TABLES),
		.limit = below(in, 3)};
	for (unsigned i = 0; i < l->head.n_specs; i++) {
		struct weft_learn_spec *s = &l->spec[i];

		*s = (struct weft_learn_spec){.dst_type = (uint8_t)below(in, 3),
			.immediate = (uint8_t)below(in, 2),
			.src = subfield(in)};
		s->dst = below(in, 2) ? s->src : subfield(in);
		s->dst.n_bits = s->src.n_bits;
		s->value[15] = byte(in);
	}
	return sizeof(l->head) + l->head.n_specs * sizeof(l->spec[0]);
}

union payload {
	uint8_t bytes[256];
	struct weft_action_set_field set;
	struct weft_action_move move;
	struct weft_action_resubmit resubmit;
	struct weft_action_output_field output_field;
	struct weft_action_controller controller;
	struct weft_action_multipath multipath;
	struct weft_action_bundle bundle;
	struct weft_subfield subfield;
	struct learn learn;
};

static uint32_t port(struct input *in)
{
	static const uint32_t named[] = {WEFT_OFPORT_IN_PORT, WEFT_OFPORT_ALL, WEFT_OFPORT_NORMAL,
		WEFT_OFPORT_CONTROLLER, WEFT_OFPORT_OVERLAY, WEFT_OFPORT_TABLE};
	uint32_t i = below(in, 12);

	return i < 6 ? named[i] : 1 + i % PORTS;
}

// Bytes of a payload that may pass, where any bytes would nearly always be refused.
static size_t payload(struct input *in, struct weft_action *a, union payload *p)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		a->arg = below(in, WEFT_FIELDS_ALL);
		p->set = set_field(in, a->arg);
		break;
	case WEFT_ACTION_MOVE:
		p->move.src = subfield(in);
		p->move.dst = subfield(in);
		p->move.src.n_bits = p->move.dst.n_bits = 1;
		break;
	case WEFT_ACTION_RESUBMIT:
		a->arg = below(in, 2) ? WEFT_OFPORT_IN_PORT : 2;
		p->resubmit.table = (uint8_t)(below(in, 8) ? below(in, TABLES) : 255);
		break;
	case WEFT_ACTION_OUTPUT_FIELD:
		p->output_field.port = subfield(in);
		break;
	case WEFT_ACTION_CONTROLLER:
		p->controller.reason = (uint8_t)below(in, 6);
		p->controller.flags = (uint8_t)below(in, 2);
		p->controller.userdata_len = (uint16_t)below(in, 9);
		break;
	case WEFT_ACTION_NOTE:
	case WEFT_ACTION_DEC_NW_TTL_IDS:
		a->arg = below(in, 9);
		break;
	case WEFT_ACTION_MULTIPATH:
		p->multipath = (struct weft_action_multipath){.fields = (uint16_t)below(in, 8),
			.algorithm = (uint16_t)below(in, 5),
			.max_link = byte(in),
			.dst = subfield(in)};
		break;
	case WEFT_ACTION_BUNDLE:
		p->bundle = (struct weft_action_bundle){.fields = (uint16_t)below(in, 8),
			.algorithm = (uint16_t)below(in, 3),
			.n_ports = 2};
		p->bytes[sizeof(p->bundle)] = 2;
		p->bytes[sizeof(p->bundle) + 4] = 3;
		break;
	case WEFT_ACTION_STACK_PUSH:
	case WEFT_ACTION_STACK_POP:
	case WEFT_ACTION_CHECK_PKT_LARGER:
		p->subfield = subfield(in);
		p->subfield.n_bits =
			a->type == WEFT_ACTION_CHECK_PKT_LARGER ? 1 : p->subfield.n_bits;
		break;
	case WEFT_ACTION_LEARN:
		return learn_action(in, &p->learn);
	default:
		p->bytes[0] = byte(in);
	}
	return weft_action_payload_bytes(a, p, sizeof(*p));
}

static uint32_t argument(struct input *in, unsigned type)
{
	switch (type) {
	case WEFT_ACTION_OUTPUT:
	case WEFT_ACTION_OUTPUT_TRUNC:
		return port(in);
	case WEFT_ACTION_GROUP:
		return GROUP;
	case WEFT_ACTION_PUSH_VLAN:
		return 0x8100;
	case WEFT_ACTION_PUSH_MPLS:
		return 0x8847;
	case WEFT_ACTION_PUSH_PBB:
		return 0x88e7;
	default:
		return byte(in);
	}
}

// A list of actions at `at`; its bytes, at most `room`.
static size_t list(struct input *in, char *at, size_t room, unsigned depth)
{
	size_t len = 0;

	for (unsigned n = below(in, 7); n; n--) {
		struct weft_action a = {.type = (uint16_t)below(in, WEFT_ACTION_MAX)};
		union payload p = {{0}};
		size_t bytes;

		if (len + sizeof(a) + sizeof(p) > room)
			break;
		a.arg = argument(in, a.type);
		if (a.type == WEFT_ACTION_CLONE) {
			bytes = depth ? list(in, at + len + sizeof(a),
						room - len - sizeof(a) - sizeof(p), depth - 1)
				      : 0;
		} else {
			bytes = payload(in, &a, &p);
			memcpy(at + len + sizeof(a), &p, (bytes + 7) / 8 * 8);
		}
		a.len = (uint16_t)(sizeof(a) + (bytes + 7) / 8 * 8);
		memcpy(at + len, &a, sizeof(a));
		len += a.len;
	}
	return len;
}

// ---- the switch

struct request {
	struct weft_instructions instr;
	uint64_t actions[2 * LIST / 8];
};

static void rule(struct input *in, struct ft_switch *sw, uint8_t table)
{
	struct weft_flow_mod mod = {.command = WEFT_FLOW_ADD,
		.table = table,
		.idle_timeout = 60,
		.priority = (uint16_t)below(in, 2),
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};
	static const uint16_t types[] = {0x800, 0x86dd, 0x8847, 0};
	struct weft_flow_key value = {0}, mask = {0};
	struct weft_match match;
	struct request r = {{.flags = WEFT_INSTR_APPLY | WEFT_INSTR_WRITE}, {0}};

	value.eth_type = htons(types[below(in, 4)]);
	mask.eth_type = value.eth_type ? 0xffff : 0;
	if (value.eth_type == htons(0x800)) {
		value.ip_proto = 6;
		mask.ip_proto = (uint8_t)(below(in, 2) ? 255 : 0);
		value.ip_proto &= mask.ip_proto;
	}
	r.instr.apply_len = (uint16_t)list(in, (char *)r.actions, LIST, 3);
	r.instr.write_len = (uint16_t)list(in, (char *)r.actions + r.instr.apply_len, LIST, 0);
	r.instr.flags |= (uint8_t)(below(in, 4) ? 0 : WEFT_INSTR_CLEAR);
	r.instr.metadata = r.instr.metadata_mask = below(in, 2);
	if (table + 1 < TABLES && below(in, 2)) {
		r.instr.flags |= WEFT_INSTR_GOTO;
		r.instr.goto_table = (uint8_t)(table + 1);
	}
	weft_match_from_key(&match, &value, &mask);
	if (ft_flow_mod(sw, &mod, &match, &r.instr) == WEFT_E_NONE || below(in, 2))
		return;
	r.instr.write_len = 0; // perhaps it was that
	ft_flow_mod(sw, &mod, &match, &r.instr);
}

static void group(struct ft_switch *sw)
{
	struct {
		struct weft_bucket head;
		struct weft_action a;
		struct weft_action_resubmit r;
	} bucket[2];
	const struct weft_group_mod mod = {GROUP, WEFT_GROUP_ADD, WEFT_GROUP_TYPE_ALL, 2};

	for (unsigned i = 0; i < 2; i++) {
		bucket[i].head = (struct weft_bucket){.bucket_id = i,
			.watch_port = WEFT_OFPORT_ANY,
			.watch_group = WEFT_GROUP_ANY,
			.actions_len = sizeof(bucket[i].a) + sizeof(bucket[i].r)};
		bucket[i].a = (struct weft_action){
			WEFT_ACTION_RESUBMIT, bucket[i].head.actions_len, WEFT_OFPORT_IN_PORT};
		bucket[i].r = (struct weft_action_resubmit){.table = (uint8_t)(2 + i)};
	}
	check(ft_group_mod(sw, &mod, bucket, sizeof(bucket)) == WEFT_E_NONE, "group");
}

static struct ft_switch *make_switch(void)
{
	struct ft_switch *sw = switch_new(PORTS);

	group(sw);
	return sw;
}

static void clear(struct ft_switch *sw)
{
	const struct weft_flow_mod mod = {.command = WEFT_FLOW_DELETE,
		.table = WEFT_TABLE_ALL,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};

	check(ft_flow_mod(sw, &mod, &(struct weft_match){0}, NULL) == WEFT_E_NONE, "clear");
}

// ---- what comes of a packet

struct stopped {
	uint64_t continuation[WEFT_PAUSE_BYTES / 8];
	size_t len, frame_len;
	uint8_t frame[2048];
};

struct outcome {
	struct books books;
	unsigned n_stopped, n_learned;
	struct stopped stopped[STOPPED];
	uint64_t learned[LEARNED][FT_LEARN_BYTES / 8];
};

static void on_packet_in(
	struct ft_sink *sink, struct ft_packet *p, const struct ft_packet_in *in, unsigned flags)
{
	struct outcome *o = (struct outcome *)sink;

	if (in->continuation && o->n_stopped < STOPPED && p->pkt.len <= 2048) {
		struct stopped *s = &o->stopped[o->n_stopped++];

		s->len = in->continuation_len;
		memcpy(s->continuation, in->continuation, s->len);
		s->frame_len = p->pkt.len;
		memcpy(s->frame, p->pkt.data, p->pkt.len);
	}
	packet_in(sink, p, in, flags);
}

static bool on_learn(struct ft_sink *sink, const struct ft_learned *l)
{
	struct outcome *o = (struct outcome *)sink;

	if (o->n_learned == LEARNED)
		return false;
	memcpy(o->learned[o->n_learned++], l, l->size);
	return true;
}

static struct ft_packet *begin(struct outcome *o, const uint8_t *frame, size_t len)
{
	o->books.begun++;
	return &packet_new(frame, len)->ft;
}

static void go_on(struct ft_switch *sw, struct outcome *o, const struct stopped *s, size_t changed)
{
	static const uint64_t none[1];
	const struct ft_resumption r = {.continuation = (const void *)s->continuation,
		.continuation_len = s->len,
		.actions = none};

	check(changed || weft_continuation_ok(s->continuation, s->len), "what stopped is whole");
	if (!weft_continuation_ok(s->continuation, s->len))
		return;
	if (ft_resume_check(sw, r.continuation, none, 0)) {
		check(changed, "what stopped may go on");
		return;
	}
	ft_switch_resume(sw, 0, 1, begin(o, s->frame, s->frame_len), &r, &o->books.sink);
}

static void go_on_all(struct input *in, struct ft_switch *sw, struct outcome *o)
{
	for (unsigned i = 0; i < o->n_stopped; i++) {
		struct stopped *s = &o->stopped[i];
		size_t at = ((size_t)byte(in) << 8 | byte(in)) % s->len;
		uint8_t flip = byte(in);

		go_on(sw, o, s, 0);
		((uint8_t *)s->continuation)[at] ^= flip;
		go_on(sw, o, s, flip);
	}
	for (unsigned i = 0; i < o->n_learned; i++)
		ft_learn_apply(sw, (const struct ft_learned *)o->learned[i]);
	o->n_stopped = o->n_learned = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome o;
	static struct ft_switch *sw;
	size_t frame_len = size / 3;
	struct input in = {data + frame_len, size - frame_len};
	uint64_t actions[LIST / 8];
	struct ft_packet *p;
	size_t len;

	if (!sw)
		sw = make_switch();
	clear(sw);
	memset(&o, 0, sizeof(o.books));
	o.books.sink = (struct ft_sink){output, on_packet_in, drop, clone, learn, on_learn};
	for (uint8_t t = 0; t < TABLES; t++)
		rule(&in, sw, t);
	p = begin(&o, data, frame_len);
	p->key.in_port = htonl(1 + below(&in, PORTS));
	ft_switch_process(sw, 0, 1, &p, 1, &o.books.sink);
	go_on_all(&in, sw, &o);
	len = list(&in, (char *)actions, sizeof(actions), 3);
	if (ft_actions_check(sw, actions, len) == WEFT_E_NONE) {
		p = begin(&o, data, frame_len);
		p->key.in_port = htonl(WEFT_OFPORT_CONTROLLER);
		ft_switch_packet_out(sw, 0, 1, p, actions, len, &o.books.sink);
		go_on_all(&in, sw, &o);
	}
	check(o.books.begun == o.books.ended, "a packet was lost");
	return 0;
}
