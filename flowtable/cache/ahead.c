// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/ahead.h"

#include "flowtable/classifier/bits.h"
#include "flowtable/packet/extract.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#define TABLES 4u // that are looked at ahead
#define FAR 4u    // switches at least, and one packet's in so many

bool ft_ahead_pays(struct ft_ahead *ahead, const struct ft_arrival a[], uint64_t which)
{
	unsigned n = (unsigned)__builtin_popcountll(which), far = 0;

	for (uint32_t last = 0; which; which &= which - 1) {
		uint32_t number = a[__builtin_ctzll(which)].from.sw_number;
		uint32_t *met = &ahead->met[number % FT_AHEAD_NEAR];

		if (number == last)
			continue;
		last = number;
		far += *met != number;
		*met = number;
	}
	return far >= FAR && far * FAR >= n;
}

// The packets that are still on their way.
struct ahead {
	unsigned n, worker;
	struct ft_switch *sw[FT_BURST];
	struct weft_flow_key *key[FT_BURST];
	uint8_t table[FT_BURST];
	const struct ft_rule *rule[FT_BURST];
};

static void see_switches(const struct ahead *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct ft_switch *sw = a->sw[i];

		__builtin_prefetch(sw);
		__builtin_prefetch((const void *)(uintptr_t)&sw->tables[0]);
	}
}

static void see_what_switches_have(const struct ahead *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct ft_switch *sw = a->sw[i];

		__builtin_prefetch(ft_table_of(sw, 0));
		__builtin_prefetch(ft_table_counter(sw, a->worker, 0), 1);
		__builtin_prefetch((const void *)(uintptr_t)&sw->counters);
		ft_idmap_prefetch(&sw->ports);
	}
}

static void see_tables(const struct ahead *a, const struct ft_bits *bits[])
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct ft_table *t = ft_table_of(a->sw[i], a->table[i]);

		bits[i] =
			t ? atomic_load_explicit(&t->classifier.bits, memory_order_acquire) : NULL;
		if (bits[i])
			ft_bits_prefetch(bits[i]);
	}
}

static void see_rules(struct ahead *a, const struct ft_bits *bits[])
{
	const struct weft_flow_key *keys[FT_BURST];

	for (unsigned i = 0; i < a->n; i++)
		keys[i] = a->key[i];
	ft_bits_guess(bits, keys, a->n, a->rule);
}

// It may straddle lines.
static void see_counter(const struct ft_counter *c)
{
	__builtin_prefetch(c, 1);
	__builtin_prefetch((const char *)(c + 1) - 1, 1);
}

static void see_programs(const struct ahead *a, const struct ft_bits *const bits[])
{
	for (unsigned i = 0; i < a->n; i++) {
		const struct ft_rule *r = a->rule[i];

		if (!r)
			continue;
		__builtin_prefetch(&r->program->instr);
		if (ft_bits_is_direct(bits[i])) {
			__builtin_prefetch(r->value);
			__builtin_prefetch(r->shape);
			__builtin_prefetch(r->shape->mask);
		}
		see_counter(ft_rule_counter(a->sw[i], r, a->worker));
	}
}

// Where the packets most likely go that end here.
struct exits {
	unsigned n;
	const struct ft_idmap *ports[FT_BURST];
	uint32_t ofport[FT_BURST];
};

static void see_exit(struct exits *e, const struct ft_switch *sw, const struct weft_instructions *i)
{
	const struct weft_action *first = weft_instructions_apply(i);

	if (!i->apply_len || first->type != WEFT_ACTION_OUTPUT)
		return;
	e->ports[e->n] = &sw->ports;
	e->ofport[e->n] = first->arg;
	ft_idmap_prefetch_slot(&sw->ports, first->arg);
	e->n++;
}

static void see_ports(const struct exits *e)
{
	for (unsigned i = 0; i < e->n; i++)
		__builtin_prefetch(ft_idmap_find(e->ports[i], e->ofport[i]));
}

static void keep(struct ahead *a, unsigned to, unsigned from)
{
	a->sw[to] = a->sw[from];
	a->key[to] = a->key[from];
}

// Keeps those that go on to another table.
static void go_on(struct ahead *a, struct exits *e)
{
	unsigned left = 0;

	for (unsigned i = 0; i < a->n; i++) {
		const struct weft_instructions *go;

		if (!a->rule[i])
			continue;
		go = ft_rule_instructions(a->rule[i]);
		if (!ft_only_goes_on(go)) {
			see_exit(e, a->sw[i], go);
			continue;
		}
		keep(a, left, i);
		ft_write_metadata(a->key[left], go);
		a->table[left] = go->goto_table;
		__builtin_prefetch(ft_table_of(a->sw[left], go->goto_table));
		left++;
	}
	a->n = left;
}

void ft_look_ahead(struct ft_switch *const sws[], struct ft_packet *const pkts[], unsigned n,
	unsigned worker, bool extracted)
{
	const struct ft_bits *bits[FT_BURST];
	uint64_t metadata[FT_BURST];
	struct ahead a = {.n = n, .worker = worker};
	struct exits exits = {.n = 0};

	for (unsigned i = 0; i < n; i++) {
		a.sw[i] = sws[i];
		a.key[i] = &pkts[i]->key;
	}
	see_switches(&a);
	for (unsigned i = 0; i < n; i++) {
		metadata[i] = pkts[i]->key.metadata;
		if (!extracted)
			ft_extract(&pkts[i]->pkt, &pkts[i]->key);
	}
	see_what_switches_have(&a);
	for (unsigned k = 0; k < TABLES && a.n; k++) {
		see_tables(&a, bits);
		see_rules(&a, bits);
		see_programs(&a, bits);
		go_on(&a, &exits);
	}
	see_ports(&exits);
	for (unsigned i = 0; i < n; i++)
		pkts[i]->key.metadata = metadata[i];
}
