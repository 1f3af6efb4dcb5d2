// SPDX-License-Identifier: Apache-2.0
// The writer's side of gists: made when all tables have come to rest.
#include "flowtable/cache/gist.h"

#include "flowtable/classifier/bits_make.h"
#include "flowtable/lines.h"
#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"
#include "flowtable/cache/path.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include <stdlib.h>

struct making {
	struct ft_making m; // the rules of all its tables, one after the other
	struct ft_gist gist;
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
	struct making *g = arg;

	if (!ft_life_staged(&r->life))
		return true;
	if (g->m.n == FT_GIST_RULES)
		return false;
	g->m.rule[g->m.n++] = r;
	if (goes_on(r)) {
		unsigned next = ft_rule_instructions(r)->goto_table;

		g->reached[next / 64] |= 1ull << next % 64;
		g->writes_metadata |= ft_rule_instructions(r)->metadata_mask != 0;
	}
	return true;
}

static bool add_table(struct making *g, const struct ft_switch *sw, uint8_t number)
{
	static const struct weft_match all;
	const struct ft_table *t = ft_table_of(sw, number);
	uint32_t first = g->m.n;

	if (g->gist.tables == FT_GIST_TABLES || (t && ft_table_has_soft(sw, number)))
		return false;
	g->at[number] = g->gist.tables;
	g->gist.table[g->gist.tables] = number;
	g->gist.first[g->gist.tables++] = (uint8_t)first;
	if (t && !ft_table_each_within(t, &all, add_rule, g))
		return false;
	ft_making_sort(&g->m, first);
	g->gist.first[g->gist.tables] = (uint8_t)g->m.n;
	return true;
}

static bool asks_for(const struct making *g, size_t field, size_t bytes)
{
	for (size_t piece = field / 2; piece < (field + bytes) / 2; piece++)
		if (g->m.piece[piece].mask)
			return true;
	return false;
}

#define ASKS_FOR(g, field)                                                                         \
	asks_for(g, offsetof(struct weft_flow_key, field),                                         \
		sizeof(((struct weft_flow_key *)NULL)->field))

// False: one key does not do for all of its tables, or they are too many.
static bool choose_rules(struct making *g, const struct ft_switch *sw)
{
	g->reached[0] = 1;
	for (unsigned number = 0; number < WEFT_TABLES; number++)
		if (g->reached[number / 64] >> number % 64 & 1 &&
			!add_table(g, sw, (uint8_t)number))
			return false;
	ft_making_survey(&g->m);
	return g->m.n && !ASKS_FOR(g, actset_output) &&
	       !(g->writes_metadata && ASKS_FOR(g, metadata));
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

static uint16_t next_of(const struct making *g, const struct ft_rule *r)
{
	const struct weft_instructions *i = ft_rule_instructions(r);

	if (goes_on(r))
		return g->at[i->goto_table];
	return ends_plainly(i) ? FT_GIST_END : FT_GIST_OPEN;
}

// ---- tables of one rule

// False: no packet wants both.
static bool want_also(struct ft_record *all, const struct ft_record *r)
{
	struct ft_record both = *all;

	for (unsigned i = 0; i < FT_RECORD_PIECES; i++) {
		if ((all->value[i] ^ r->value[i]) & all->mask[i] & r->mask[i])
			return false;
		both.value[i] |= r->value[i];
		both.mask[i] |= r->mask[i];
	}
	*all = both;
	return true;
}

static bool wants_nothing(const struct ft_record *r)
{
	for (unsigned i = 0; i < FT_RECORD_PIECES; i++)
		if (r->mask[i])
			return false;
	return true;
}

static void find_lone(struct ft_gist *g)
{
	for (unsigned t = 0; t < g->tables; t++) {
		const struct ft_record *first = ft_bits_record(&g->sieve, g->first[t]);
		unsigned n = g->first[t + 1] - g->first[t];

		if (!n || n > 2 || (n == 2 && !wants_nothing(first + 1)) ||
			!want_also(&g->lone_want, first))
			continue;
		g->lone |= (uint8_t)(1u << t);
		g->lone_next[t] = (uint8_t)first->next;
	}
}

// ---- the whole

// A header becomes the whole, behind whose records there is room for so many rows.
static struct ft_gist *with_room(const struct ft_gist *header, uint32_t rows)
{
	const struct ft_bits *b = &header->sieve;
	size_t records = ft_whole_lines(b->n * sizeof(struct ft_record));
	size_t bytes =
		sizeof(*header) + records + ft_whole_lines(rows * b->words * sizeof(uint64_t));
	struct ft_gist *whole = aligned_alloc(64, bytes);

	if (!whole)
		return NULL;
	memset(whole, 0, bytes);
	*whole = *header;
	whole->sieve.rows_at = (uint32_t)(sizeof(*b) + records);
	return whole;
}

// From rows of one column each.
static void pair_rows(struct ft_gist *g, const uint64_t *single)
{
	unsigned words = g->sieve.words;
	uint64_t *to = ft_bits_rows(&g->sieve);

	for (unsigned c = 0; c < g->sieve.n_columns; c += 2) {
		const uint64_t *low = single + 16 * c * words, *high = low + 16 * words;
		bool both = c + 1 < g->sieve.n_columns;

		for (unsigned row = 0; row < FT_GIST_PAIR_ROWS; row++)
			for (unsigned w = 0; w < words; w++)
				*to++ = low[row % 16 * words + w] &
					(both ? high[row / 16 * words + w] : UINT64_MAX);
	}
}

// The rest of the pipeline's fields is zero when a packet comes in.
static bool is_plain_frames(const struct making *g)
{
	return g->gist.sieve.near && !ASKS_FOR(g, tunnel_id);
}

// Of a header that says all else. NULL: no memory.
static struct ft_gist *fill(const struct ft_gist *header, const struct making *g)
{
	uint32_t columns = header->sieve.n_columns;
	struct ft_gist *single = with_room(header, 16 * columns);
	struct ft_gist *whole = with_room(header, FT_GIST_PAIR_ROWS * ft_gist_pairs(header));

	if (single && whole) {
		struct ft_record *record = ft_bits_record(&single->sieve, 0);

		ft_bits_fill(&single->sieve, &g->m);
		for (uint32_t i = 0; i < g->m.n; i++)
			record[i].next = next_of(g, g->m.rule[i]);
		memcpy(ft_bits_record(&whole->sieve, 0), record, g->m.n * sizeof(*record));
		pair_rows(whole, ft_bits_rows(&single->sieve));
		find_lone(whole);
	} else {
		free(whole);
		whole = NULL;
	}
	free(single);
	return whole;
}

static struct ft_gist *finish(struct making *g)
{
	struct ft_bits *b = &g->gist.sieve;

	b->n = g->m.n;
	b->words = (uint16_t)((g->m.n + 63) / 64);
	if (!ft_sieve_choose(b, &g->m))
		return NULL;
	if (b->n_columns % 2)
		b->column[b->n_columns] = FT_GIST_NO_COLUMN;
	g->gist.plain = is_plain_frames(g);
	return fill(&g->gist, g);
}

// NULL: there can be none, or no memory.
static struct ft_gist *make(const struct ft_switch *sw)
{
	struct making *g = calloc(1, sizeof(*g));
	struct ft_gist *gist = NULL;

	if (!g)
		return NULL;
	g->gist.version = ft_version(sw);
	g->gist.number = sw->gists;
	if (choose_rules(g, sw))
		gist = finish(g);
	free(g);
	return gist;
}

static void gist_garbage(struct ft_garbage *g)
{
	free(g); // its first member
}

static void replace(struct ft_switch *sw, struct ft_gist *gist)
{
	struct ft_gist *old = gist_of(sw);

	atomic_store_explicit(&sw->front->gist, gist, memory_order_release);
	if (old)
		ft_garbage_add(&sw->garbage, &old->garbage, gist_garbage);
}

bool ft_settle_gist(struct ft_switch *sw)
{
	if (sw->txn || sw->restless || sw->gist_version == ft_version(sw))
		return false;
	ft_enter(sw);
	sw->gists++;
	sw->gist_version = ft_version(sw);
	replace(sw, make(sw));
	ft_leave(sw);
	return true;
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
	for (unsigned i = 0; i < FT_GIST_TABLES; i++) {
		unsigned slot = ft_way_slot(way, i);

		if (slot > FT_GIST_MISS)
			return p->rules == i && p->tables == i;
		if (slot == FT_GIST_MISS)
			return p->rules == i && p->tables == i + 1;
		if (i == p->rules ||
			*ft_path_rule(p, i) !=
				atomic_load_explicit(&ft_bits_record(&g->sieve, slot)->rule,
					memory_order_relaxed))
			return false;
	}
	return p->rules == FT_GIST_TABLES && p->tables == FT_GIST_TABLES;
}

// ---- the end

void ft_gist_fini(struct ft_switch *sw)
{
	free(sw->front ? gist_of(sw) : NULL);
}
