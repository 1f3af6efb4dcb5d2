// SPDX-License-Identifier: Apache-2.0
// The writer's side of gists: made when all tables have come to rest.
#include "flowtable/cache/gist.h"

#include "flowtable/cache/gist_make.h"
#include "flowtable/cache/gist_split.h"
#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"
#include "flowtable/cache/path.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

#define PARTS_A_STEP 4u

// One of several parts, being made.
struct ft_gist_growing {
	struct ft_gist_making all;
	struct ft_making part; // the latest one's
	struct ft_gist_plan *plan;
	struct ft_gist_split split;
	uint64_t version; // that it is of
	unsigned parts;   // 0: they are being chosen
	unsigned made;
	struct ft_gist *made_part[1u << FT_GIST_SPLIT_BITS];
};

struct choosing {
	struct ft_gist_making *all;
	uint64_t reached[WEFT_TABLES / 64 + 1]; // tables that some rule goes on to
	uint8_t at[WEFT_TABLES];                // a table's place in the gist
	bool writes_metadata;
};

static struct ft_gist *gist_of(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->front->gist, memory_order_relaxed);
}

// ---- which rules

static bool goes_on(const struct ft_rule *r)
{
	const struct weft_instructions *i = ft_rule_instructions(r);

	return ft_only_goes_on(i) && i->goto_table > r->table && i->goto_table < WEFT_TABLES;
}

static bool add_rule(void *arg, struct ft_rule *r)
{
	struct choosing *c = arg;
	struct ft_making *m = &c->all->m;

	if (!ft_life_staged(&r->life))
		return true;
	if (m->n == FT_GIST_RULES)
		return false;
	m->rule[m->n++] = r;
	if (goes_on(r)) {
		unsigned next = ft_rule_instructions(r)->goto_table;

		c->reached[next / 64] |= 1ull << next % 64;
		c->writes_metadata |= ft_rule_instructions(r)->metadata_mask != 0;
	}
	return true;
}

static bool add_table(struct choosing *c, const struct ft_switch *sw, uint8_t number)
{
	static const struct weft_match all;
	const struct ft_table *t = ft_table_of(sw, number);
	struct ft_gist_making *g = c->all;
	uint32_t first = g->m.n;

	if (g->gist.tables == FT_GIST_TABLES || (t && ft_table_has_soft(sw, number)))
		return false;
	c->at[number] = g->gist.tables++;
	if (t && !ft_table_each_within(t, &all, add_rule, c))
		return false;
	ft_making_sort(&g->m, first);
	g->first[g->gist.tables] = (uint16_t)g->m.n;
	return true;
}

static bool asks_for(const struct ft_making *m, size_t field, size_t bytes)
{
	for (size_t piece = field / 2; piece < (field + bytes) / 2; piece++)
		if (m->piece[piece].mask)
			return true;
	return false;
}

#define ASKS_FOR(m, field)                                                                         \
	asks_for(m, offsetof(struct weft_flow_key, field),                                         \
		sizeof(((struct weft_flow_key *)NULL)->field))

// False: one key does not do for all of its tables, or they are too many.
static bool choose_rules(struct choosing *c, const struct ft_switch *sw)
{
	struct ft_making *m = &c->all->m;

	c->reached[0] = 1;
	for (unsigned number = 0; number < WEFT_TABLES; number++)
		if (c->reached[number / 64] >> number % 64 & 1 &&
			!add_table(c, sw, (uint8_t)number))
			return false;
	ft_making_survey(m);
	return m->n && !ASKS_FOR(m, actset_output) &&
	       !(c->writes_metadata && ASKS_FOR(m, metadata));
}

// ---- what is next after them

// Not where more is asked of the packet.
static bool is_place(uint32_t port)
{
	return port != WEFT_OFPORT_NORMAL && port != WEFT_OFPORT_FLOOD && port != WEFT_OFPORT_ALL &&
	       port != WEFT_OFPORT_CONTROLLER;
}

static bool is_plain(const struct weft_action *a)
{
	switch ((enum weft_action_type)a->type) {
	case WEFT_ACTION_OUTPUT:
		return is_place(a->arg);
	case WEFT_ACTION_SET_FIELD:
	case WEFT_ACTION_LOAD:
		return a->arg != WEFT_FIELD_IN_PORT &&
		       ft_field_is_pipeline((enum weft_field)a->arg);
	default:
		return false;
	}
}

static bool all_plain(const void *list, size_t bytes)
{
	WEFT_ACTION_FOR_EACH (a, list, bytes)
		if (!is_plain(a))
			return false;
	return true;
}

// What becomes of a packet follows from the rule and where the packet came from.
static bool ends_plainly(const struct weft_instructions *i)
{
	return !(i->flags & WEFT_INSTR_GOTO) && !i->meter_id &&
	       all_plain(weft_instructions_apply(i), i->apply_len) &&
	       all_plain(weft_instructions_write(i), i->write_len);
}

static uint8_t next_of(const struct choosing *c, const struct ft_rule *r)
{
	const struct weft_instructions *i = ft_rule_instructions(r);

	if (goes_on(r))
		return c->at[i->goto_table];
	return ends_plainly(i) ? FT_GIST_END : FT_GIST_OPEN;
}

// ---- what all parts say alike

// Of the pipeline's fields others are zero when a packet comes in.
static bool is_plain_frames(const struct ft_making *m)
{
	size_t near = FT_BITS_NEAR_BYTES;

	return !ASKS_FOR(m, tunnel_id) && !asks_for(m, near, sizeof(struct weft_flow_key) - near);
}

// False: ways have too many bits.
static bool say_ways(struct ft_gist_making *g)
{
	unsigned bits = 0;

	for (unsigned t = 0; t < g->gist.tables; t++) {
		uint32_t rules = (uint32_t)(g->first[t + 1] - g->first[t]);

		bits += 32u - (unsigned)__builtin_clz(rules - 1u + FT_GIST_MET);
		g->gist.shift[t + 1] = (uint8_t)bits;
	}
	return bits < 64; // or one might be FT_GIST_NO_WAY
}

static bool choose(struct ft_gist_making *g, const struct ft_switch *sw)
{
	struct choosing c = {.all = g};

	if (!choose_rules(&c, sw) || !say_ways(g))
		return false;
	for (uint32_t i = 0; i < g->m.n; i++)
		g->next[i] = next_of(&c, g->m.rule[i]);
	g->gist.number = sw->gists;
	g->gist.plain = is_plain_frames(&g->m);
	return true;
}

// ---- the whole

static void gist_garbage(struct ft_garbage *g)
{
	free(((struct ft_gist_own *)g)->gist); // the first member
}

// NULL: there can be none.
static void replace(struct ft_switch *sw, struct ft_gist *gist)
{
	struct ft_gist *old = gist_of(sw);

	if (gist)
		ft_gist_own(gist)->version = sw->gist_version;
	atomic_store_explicit(&sw->front->gist, gist, memory_order_release);
	if (old)
		ft_garbage_add(&sw->garbage, &ft_gist_own(old)->garbage, gist_garbage);
}

// NULL: there can be none, or no memory.
static struct ft_gist *make_at_once(struct ft_gist_growing *g)
{
	struct ft_gist *part, *whole;

	g->part.n = g->all.m.n;
	memcpy(g->part.rule, g->all.m.rule, g->part.n * sizeof(g->part.rule[0]));
	part = ft_gist_part_new(&g->all, &g->part);
	whole = part ? ft_gist_join(&g->all, NULL, &part, 1) : NULL;
	free(part);
	return whole;
}

static void free_growing(struct ft_switch *sw)
{
	struct ft_gist_growing *g = sw->growth;

	sw->growth = NULL;
	if (!g)
		return;
	for (unsigned i = 0; i < g->made; i++)
		free(g->made_part[i]);
	ft_gist_plan_free(g->plan);
	free(g);
}

// False: there can be none, or no memory.
static bool begin(struct ft_switch *sw)
{
	struct ft_gist_growing *g = calloc(1, sizeof(*g));
	struct ft_gist *whole;

	sw->growth = g;
	if (!g || !choose(&g->all, sw))
		return false;
	if (g->all.m.n > FT_GIST_WHOLE) {
		g->version = ft_version(sw);
		g->plan = ft_gist_plan_new(&g->all.m);
		return g->plan;
	}
	whole = make_at_once(g);
	if (whole)
		replace(sw, whole);
	free_growing(sw);
	return whole;
}

bool ft_settle_gist(struct ft_switch *sw)
{
	if (sw->txn || sw->restless || sw->gist_version == ft_version(sw))
		return false;
	ft_enter(sw);
	free_growing(sw);
	sw->gists++;
	sw->gist_version = ft_version(sw);
	if (!begin(sw)) {
		free_growing(sw);
		replace(sw, NULL);
	}
	sw->grows |= sw->growth != NULL;
	ft_leave(sw);
	return true;
}

// ---- of several parts

// False: there can be none, or no memory.
static bool make_parts(struct ft_gist_growing *g)
{
	for (unsigned i = 0; i < PARTS_A_STEP && g->made < g->parts; i++) {
		struct ft_gist **part = &g->made_part[g->made];

		ft_gist_plan_part(g->plan, g->made, &g->all.m, &g->part);
		*part = ft_gist_part_new(&g->all, &g->part);
		if (!*part)
			return false;
		g->made++;
	}
	return true;
}

// False: there can be none, or no memory.
static bool grow(struct ft_gist_growing *g, struct ft_gist **whole)
{
	if (g->parts) {
		if (!make_parts(g))
			return false;
		if (g->made == g->parts)
			*whole = ft_gist_join(&g->all, &g->split, g->made_part, g->parts);
		return g->made < g->parts || *whole;
	}
	if (ft_gist_plan_step(g->plan))
		return true;
	g->parts = ft_gist_plan_end(g->plan, &g->split);
	return g->parts;
}

bool ft_gist_grow(struct ft_switch *sw)
{
	struct ft_gist_growing *g = sw->growth;
	struct ft_gist *whole = NULL;

	if (!g)
		return false;
	// Its rules may be gone.
	if (g->version != ft_version(sw)) {
		free_growing(sw);
		return false;
	}
	if (!grow(g, &whole) || whole) {
		replace(sw, whole);
		free_growing(sw);
	}
	return sw->growth;
}

// ---- workers

void ft_gist_key(const uint8_t *data, uint32_t in_port, struct weft_flow_key *key)
{
	const uint8_t *ip = data + 14, *l4 = ip + 20;
	bool tcp = ip[9] == FT_PROTO_TCP;

	key->in_port = key->in_phy_port = htonl(in_port);
	memcpy(&key->eth_dst, data, 6);
	memcpy(&key->eth_src, data + 6, 6);
	key->eth_type = htons(FT_ETH_IPV4);
	memcpy(&key->ipv4_src, ip + 12, 8); // and ipv4_dst
	key->ip_proto = ip[9];
	key->ip_dscp = ip[1] >> 2;
	key->ip_ecn = ip[1] & 3;
	key->ip_ttl = ip[8];
	key->l4_src = weft_load16(l4);
	key->l4_dst = weft_load16(l4 + 2);
	key->tcp_flags = (weft_be16)(weft_load16(l4 + 12) & -tcp & htons(0x0fff));
	if (__builtin_expect(ip[9] == FT_PROTO_ICMP, 0)) {
		key->l4_src = htons(l4[0]);
		key->l4_dst = htons(l4[1]);
	}
}

bool ft_gist_is_way(const struct ft_gist *g, uint64_t way, const struct ft_path *p)
{
	const struct ft_gist_own *own = ft_gist_own(g);
	unsigned n = 0;

	for (unsigned i = 0; i < g->tables; i++) {
		uint32_t number = ft_way_number(g, way, i);

		if (number == FT_GIST_PASSED)
			continue;
		if (number == FT_GIST_MISS)
			return p->rules == n && p->tables == n + 1;
		if (n == p->rules ||
			*ft_path_rule(p, n) != own->rule[own->first[i] + number - FT_GIST_MET])
			return false;
		n++;
	}
	return p->rules == n && p->tables == n;
}

// ---- the end

void ft_gist_fini(struct ft_switch *sw)
{
	free_growing(sw);
	free(sw->front ? gist_of(sw) : NULL);
}
