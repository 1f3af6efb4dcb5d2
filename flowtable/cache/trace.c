// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/trace.h"

#include "flowtable/packet/exec.h"
#include "flowtable/switch.h"

void ft_trace_begin(struct ft_trace *t)
{
	memset(&t->path, 0, sizeof(t->path)); // what is behind it is cleared when used
	t->path.max_len = UINT32_MAX;
	t->packet[0] = (struct ft_trace_packet){0};
	t->depth = t->told = 0;
	t->network = 0;
	t->keep = t->remarked = t->spoilt = t->ended = false;
}

void ft_trace_end(struct ft_trace *t)
{
	struct ft_path *p = &t->path;
	unsigned mores = ft_path_mores(p), places = ft_path_places(p);

	if (places > 1 + mores)
		memset(&t->more[mores], 0, (places - 1 - mores) * sizeof(t->more[0]));
	for (unsigned i = 0; i < p->steps; i++)
		*ft_path_step(p, i) = t->step[i];
}

static struct ft_trace_packet *packet_of(struct ft_trace *t)
{
	return &t->packet[t->depth];
}

// The next step, of this type, by the packet's rule; NULL: spoilt.
static struct ft_step *add_step(struct ft_packet *p, enum ft_step_type type)
{
	struct ft_trace *t = p->trace;
	struct ft_step *s;
	uint8_t i = t->path.rules;

	if (t->path.steps == FT_PATH_STEPS) {
		ft_trace_spoil(p);
		return NULL;
	}
	while (i && (*ft_path_rule(&t->path, i - 1u) != p->rule ||
			    *ft_path_table(&t->path, i - 1u) != p->table))
		i--;
	s = &t->step[t->path.steps++];
	*s = (struct ft_step){
		.type = (uint8_t)type, .rule = i ? (uint8_t)(i - 1u) : FT_STEP_NO_RULE};
	return s;
}

static void record(struct ft_packet *p, enum ft_step_type type, const void *what)
{
	struct ft_step *s = add_step(p, type);

	if (s)
		s->what = what;
}

// ---- tables

// Its counter is told of the bytes that it met.
static void record_length(struct ft_packet *p)
{
	struct ft_trace *t = p->trace;
	int16_t longer = packet_of(t)->longer;
	struct ft_step *s = longer ? add_step(p, FT_STEP_LENGTH) : NULL;

	if (!s)
		return;
	s->bytes = longer;
	s->rule = (uint8_t)(t->path.rules - 1);
}

void ft_trace_rule(struct ft_packet *p, const struct ft_rule *rule, uint8_t table)
{
	struct ft_trace *t = p->trace;

	// What is counted as matched are the first tables: a miss must be the last. Other rules may
	// match what a meter has remarked.
	if (t->path.tables == FT_PATH_TABLES || t->path.rules != t->path.tables || t->remarked) {
		ft_trace_spoil(p);
		return;
	}
	if (t->path.tables >= FT_PATH_RULES && (t->path.tables - FT_PATH_RULES) % FT_PATH_MORE == 0)
		memset(ft_path_more(&t->path, t->path.tables), 0, sizeof(struct ft_path_more));
	if (t->path.tables)
		ft_alike_also(&t->alike, &p->key);
	else
		ft_alike_first(&t->alike, &p->key);
	*ft_path_table(&t->path, t->path.tables++) = table;
	if (!rule)
		return;
	*ft_path_rule(&t->path, t->path.rules++) = rule;
	record_length(p);
}

// ---- actions

// What the rules' constants alone have made of it, in all packets that go this way; or the tunnel,
// of which the print has everything.
static bool is_private(uint32_t field)
{
	return field == WEFT_FIELD_METADATA || field == WEFT_FIELD_TUNNEL_ID ||
	       (field >= WEFT_FIELD_TUN_SRC && field <= WEFT_FIELD_TUN_FLAGS) ||
	       (field >= WEFT_FIELD_REG0 && field <= WEFT_FIELD_PKT_MARK);
}

static bool reads_private(const struct weft_action *a)
{
	const struct weft_subfield *f = weft_action_payload(a); // of all that are asked for

	return is_private(f->field);
}

// It leaves no trace but in the key, where it has had its effect on what was matched and where the
// packet went.
static bool key_only(const struct weft_action *a)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return a->arg != WEFT_FIELD_IN_PORT && // a drop would be told of the other
		       ft_field_is_pipeline((enum weft_field)a->arg);
	case WEFT_ACTION_MOVE:
		return reads_private(a) &&
		       is_private(((const struct weft_action_move *)weft_action_payload(a))
					  ->dst.field);
	case WEFT_ACTION_STACK_PUSH:
	case WEFT_ACTION_STACK_POP:
	case WEFT_ACTION_OUTPUT_FIELD:
		return reads_private(a);
	case WEFT_ACTION_OUTPUT: // tells more of itself when it is made (output.c)
	case WEFT_ACTION_GROUP:  // likewise
	case WEFT_ACTION_METER:
	case WEFT_ACTION_SET_QUEUE:
	case WEFT_ACTION_POP_QUEUE:
	case WEFT_ACTION_ENQUEUE:
	case WEFT_ACTION_RESUBMIT: // its lookups do (resubmit.c)
	case WEFT_ACTION_CLONE:
	case WEFT_ACTION_EXIT:
	case WEFT_ACTION_NOTE:
		return true;
	default:
		return false;
	}
}

// Writes constants over what every frame of the kind has. ICMP's type and code are not among them:
// they decide what else there is.
static bool plain_field(const struct ft_packet *p, uint32_t field)
{
	switch (field) {
	case WEFT_FIELD_VLAN_VID:
	case WEFT_FIELD_VLAN_PCP:
		return p->key.vlan_vid;
	case WEFT_FIELD_ETH_DST:
	case WEFT_FIELD_ETH_SRC:
	case WEFT_FIELD_IP_DSCP:
	case WEFT_FIELD_IP_ECN:
	case WEFT_FIELD_IPV4_SRC:
	case WEFT_FIELD_IPV4_DST:
	case WEFT_FIELD_IPV6_SRC:
	case WEFT_FIELD_IPV6_DST:
	case WEFT_FIELD_IPV6_FLABEL:
	case WEFT_FIELD_TCP_SRC:
	case WEFT_FIELD_TCP_DST:
	case WEFT_FIELD_UDP_SRC:
	case WEFT_FIELD_UDP_DST:
		return true;
	default:
		return false;
	}
}

// A tag more or less. The room for it is looked for before the packet goes the path; a copy has
// that much.
static bool retag(struct ft_trace *t, int bytes)
{
	struct ft_trace_packet *packet = packet_of(t);
	int longer = packet->longer + bytes;

	if (longer > FT_PATH_ROOM || longer < -FT_PATH_ROOM)
		return false;
	packet->longer = (int16_t)longer;
	if (!t->depth && longer > t->path.room)
		t->path.room = (uint8_t)longer;
	return true;
}

// A frame with a print has a TTL of 2 or more, so that one decrement succeeds; a second might not.
static bool decrement(struct ft_trace *t)
{
	bool first = !packet_of(t)->older;

	packet_of(t)->older = true;
	return first;
}

// Those that may be.
static const uint64_t edits = 1ull << WEFT_ACTION_SET_FIELD | 1ull << WEFT_ACTION_LOAD |
			      1ull << WEFT_ACTION_PUSH_VLAN | 1ull << WEFT_ACTION_POP_VLAN |
			      1ull << WEFT_ACTION_DEC_NW_TTL;

static bool repeatable(struct ft_packet *p, const struct weft_action *a)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return plain_field(p, a->arg);
	case WEFT_ACTION_PUSH_VLAN:
		return retag(p->trace, 4);
	case WEFT_ACTION_POP_VLAN:
		return p->key.vlan_vid && retag(p->trace, -4);
	case WEFT_ACTION_DEC_NW_TTL:
		return decrement(p->trace);
	default:
		return false;
	}
}

void ft_trace_action(struct ft_burst *b, struct ft_run *run, const struct weft_action *a)
{
	struct ft_packet *p = run->pkt;

	if (key_only(a))
		return;
	if (!(edits >> a->type & 1)) {
		ft_trace_spoil(p);
		return;
	}
	ft_run_flush(b, run); // that output was before it
	if (!p->trace)
		return;
	if (repeatable(p, a))
		record(p, FT_STEP_EDIT, a);
	else
		ft_trace_spoil(p);
}

// ---- what else happens to it

void ft_trace_source(struct ft_packet *p, const struct ft_fdb_entry *e)
{
	p->trace->path.source = e;
	p->trace->path.asks_fdb = true;
}

void ft_trace_clone(struct ft_packet *p, struct ft_packet *copy)
{
	struct ft_trace *t = p->trace;

	copy->trace = NULL;
	if (t->depth == FT_PATH_DEPTH) {
		ft_trace_spoil(p);
		return;
	}
	record(p, FT_STEP_CLONE, NULL);
	if (!p->trace)
		return;
	t->packet[t->depth + 1] = *packet_of(t);
	t->depth++;
	copy->trace = t;
}

static bool may_remark(const struct ft_meter *m)
{
	for (unsigned i = 0; i < m->band_count; i++)
		if (m->band[i].type == WEFT_BAND_DSCP_REMARK)
			return true;
	return false;
}

// If it does not pass, an output that waits takes the packet instead of a copy; and what a copy has
// met is not told apart from what the packet has.
void ft_trace_meter(struct ft_packet *p, const struct ft_meter *m, bool waits)
{
	struct ft_step *s;

	if (p->trace->depth || waits) {
		ft_trace_spoil(p);
		return;
	}
	s = add_step(p, FT_STEP_METER);
	if (!s)
		return;
	s->what = m;
	s->tables = p->trace->path.tables;
	p->trace->remarked |= may_remark(m);
}

void ft_trace_group(struct ft_packet *p, const struct ft_group *g)
{
	if (p->trace->remarked && g->type == WEFT_GROUP_TYPE_SELECT)
		ft_trace_spoil(p);
	else
		record(p, FT_STEP_GROUP, g);
}

void ft_trace_bucket(struct ft_packet *p, const struct ft_group *g, unsigned bucket)
{
	struct ft_step *s = add_step(p, FT_STEP_BUCKET);

	if (!s)
		return;
	s->what = g;
	s->bucket = bucket;
}

// ---- ends

// Nobody sees what the latest edits have changed.
static void forget_edits(struct ft_trace *t)
{
	while (t->path.steps && t->step[t->path.steps - 1].type == FT_STEP_EDIT)
		t->path.steps--;
}

void ft_trace_drop(struct ft_packet *p, enum weft_drop why)
{
	struct ft_trace *t = p->trace;
	struct ft_step *s;

	forget_edits(t);
	if (t->depth) {
		s = add_step(p, FT_STEP_DROP);
		if (s)
			s->flags = (uint8_t)why;
		t->depth--;
		return;
	}
	t->path.end = FT_PATH_DROP;
	t->path.why = (uint8_t)why;
	t->path.network = ntohl(p->key.in_port);
	t->path.target = t->path.rule = p->rule;
	t->path.table = p->table;
	t->ended = true;
}

static void end_here(const struct ft_packet *p, const void *target, uint8_t flags)
{
	struct ft_trace *t = p->trace;

	t->path.end = FT_PATH_OUTPUT;
	t->path.target = target;
	t->path.flags = flags;
	t->path.network = t->network;
	t->path.rule = p->rule;
	t->path.table = p->table;
	t->ended = true;
}

static void send_step(struct ft_packet *p, const void *target, uint8_t flags)
{
	struct ft_trace *t = p->trace;
	struct ft_step *s = add_step(p, FT_STEP_OUTPUT);

	if (!s)
		return;
	s->what = target;
	s->network = t->network;
	s->flags = flags;
	s->tables = t->keep;
	t->depth -= !t->keep;
}

void ft_trace_told(const struct ft_packet *p, const void *target, uint32_t max_len, uint8_t flags)
{
	struct ft_trace *t = p->trace;
	int64_t most = (int64_t)max_len - packet_of(t)->longer;

	if (most < t->path.max_len)
		t->path.max_len = most < 0 ? 0 : (uint32_t)most;
	if (t->keep || t->depth)
		send_step((struct ft_packet *)(uintptr_t)p, target, flags);
	else
		end_here(p, target, flags);
	t->network = 0;
	t->told++;
}
