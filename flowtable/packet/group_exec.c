// SPDX-License-Identifier: Apache-2.0
// Groups at work: which bucket, and on which copy of the packet (OpenFlow 1.3.5, 5.6.1).

#include "flowtable/packet/pause.h"
#include "flowtable/cache/trace.h"
#include "flowtable/packet/extract.h"
#include "flowtable/classifier/shape.h"

// ---- liveness: of the port (and the VTEP behind it), or of a group with a live bucket; one that
// watches nothing is alive

// Watched groups may watch groups in turn: the packet's budget bounds the search. When it runs out,
// the rest is dead.
struct search {
	const struct ft_burst *b;
	struct ft_budget *budget;
	unsigned depth;
};

static bool group_live(struct search *, uint32_t id);

// The overlay is one port, but a bucket that names the VTEP is no more alive than that is.
static bool port_live(const struct search *s, const struct ft_bucket *bucket)
{
	const struct ft_port_entry *p = ft_port_find(s->b->sw, bucket->spec->watch_port);
	const struct ft_switch *sw = s->b->sw;

	if (!p || !ft_port_live(p) || ft_port_config(p) & WEFT_PORT_DOWN)
		return false;
	if (p->ofport != WEFT_OFPORT_OVERLAY || weft_ip_is_none(&bucket->vtep) ||
		!sw->env.vtep_live)
		return true;
	return sw->env.vtep_live(sw->env.ctx, sw->ctx, &bucket->vtep);
}

static bool bucket_live(struct search *s, const struct ft_bucket *bucket)
{
	const struct weft_bucket *w = bucket->spec;

	if (w->watch_port == WEFT_OFPORT_ANY && w->watch_group == WEFT_GROUP_ANY)
		return true;
	if (!ft_budget_steps(s->budget, 1))
		return false;
	if (w->watch_port != WEFT_OFPORT_ANY && port_live(s, bucket))
		return true;
	return w->watch_group != WEFT_GROUP_ANY && group_live(s, w->watch_group);
}

static bool group_live(struct search *s, uint32_t id)
{
	const struct ft_group *g = NULL;
	bool live = false;

	if (s->depth < FT_MAX_GROUP_DEPTH)
		g = ft_group_find(s->b->sw, id, s->b->version);
	s->depth++;
	for (unsigned i = 0; g && i < g->bucket_count && !live; i++)
		live = bucket_live(s, &g->bucket[i]);
	s->depth--;
	return live;
}

// ---- choosing; the index, or bucket_count: none

static unsigned first_live(
	const struct ft_burst *b, const struct ft_run *run, const struct ft_group *g)
{
	struct search s = {b, run->budget, 0};
	unsigned i = 0;

	while (i < g->bucket_count && !bucket_live(&s, &g->bucket[i]))
		i++;
	return i;
}

// The bucket in whose stretch of the weights, laid end to end, the hash falls. `total` is their
// sum.
static unsigned by_weight(
	const struct ft_group *g, const uint64_t *weight, uint64_t total, uint32_t hash)
{
	uint64_t at = (uint64_t)((unsigned __int128)hash * total >> 32);
	unsigned i = 0;

	for (; i < g->bucket_count; i++) {
		uint64_t w = weight ? weight[i] : g->bucket[i].weight;
		if (at < w)
			break;
		at -= w;
	}
	return i;
}

// Among the live only. They are told apart by a second hash: flows of live buckets stay where they
// are when another dies, and its flows spread over all that are left.
static unsigned select_live(
	const struct ft_burst *b, const struct ft_run *run, const struct ft_group *g, uint64_t hash)
{
	struct search s = {b, run->budget, 0};
	uint64_t weight[FT_MAX_BUCKETS], total = 0;

	if (g->bucket_count > FT_MAX_BUCKETS)
		return g->bucket_count;
	for (unsigned i = 0; i < g->bucket_count; i++) {
		weight[i] = bucket_live(&s, &g->bucket[i]) ? g->bucket[i].weight : 0;
		total += weight[i];
	}
	if (!total)
		return g->bucket_count;
	return by_weight(g, weight, total, (uint32_t)(ft_hash_end(hash + 1) >> 32));
}

// By the flow, or by what the group names of it. The parameter is a seed: two groups with the same
// one and the same fields choose alike.
static uint64_t select_hash(
	const struct ft_burst *b, const struct weft_flow_key *key, const struct ft_group *g)
{
	uint64_t h = b->sw->env.seed;
	unsigned i = 0;

	// The group's number keeps chained groups from all choosing alike.
	if (g->select == WEFT_SELECT_DEFAULT)
		return ft_hash_end(ft_flow_hash(key, h) ^ ((uint64_t)g->v.head->id << 32) ^ h);
	if (!g->hash_map)
		return ft_hash_end(ft_flow_hash(key, h) ^ ft_hash_end(g->select_param ^ h));
	for (uint64_t map = g->hash_map; map; map &= map - 1, i++)
		h = ft_hash_word(h,
			ft_key_word(key, (unsigned)__builtin_ctzll(map)) & g->hash_mask[i],
			b->sw->env.seed);
	return ft_hash_end(h ^ g->select_param);
}

static unsigned select_bucket(
	const struct ft_burst *b, const struct ft_run *run, const struct ft_group *g)
{
	uint64_t hash = select_hash(b, &run->pkt->key, g);
	struct search s = {b, run->budget, 0};
	unsigned i;

	if (!g->total_weight || !ft_budget_steps(run->budget, g->bucket_count))
		return g->bucket_count;
	i = by_weight(g, NULL, g->total_weight, (uint32_t)(hash >> 32));
	if (i < g->bucket_count && bucket_live(&s, &g->bucket[i]))
		return i;
	return select_live(b, run, g, hash);
}

// ---- running

static void run_bucket_here(
	struct ft_burst *b, struct ft_run *run, const struct ft_group *g, unsigned i)
{
	const struct weft_bucket *spec = g->bucket[i].spec;
	struct ft_action_set set, written, *outer = run->set;

	if (!run->budget->buckets) {
		run->why = WEFT_DROP_RECURSION;
		return;
	}
	run->budget->buckets--;
	if (run->pkt->trace)
		ft_trace_bucket(run->pkt, g, i);
	ft_bucket_count(g, i, b->worker, run->pkt->pkt.total_len);
	ft_set_clear(&set);
	ft_set_write(&set, ft_bucket_actions(&g->bucket[i]), spec->actions_len, false);
	run->reason = WEFT_PACKET_IN_GROUP;
	run->depth++;
	// Rules that the bucket resubmits to write to a set of its own, and exit ends it alone.
	ft_set_clear(&written);
	run->set = &written;
	ft_set_run(b, run, &set);
	run->exit = false;
	if (!run->pausing && ft_set_any_use(&written))
		ft_set_run(b, run, &written);
	if (run->pausing)
		ft_pause_end(b, run);
	run->set = outer;
	run->exit = false;
	run->depth--;
}

static void run_bucket_on_copy(
	struct ft_burst *b, struct ft_run *run, const struct ft_group *g, unsigned i)
{
	struct ft_run copy;

	if (!run->budget->buckets) {
		run->why = WEFT_DROP_RECURSION;
		return;
	}
	if (!ft_run_copy(b, run, &copy))
		return;
	copy.watched = true;
	run_bucket_here(b, &copy, g, i);
	ft_run_end(b, &copy);
}

static void run_bucket(
	struct ft_burst *b, struct ft_run *run, const struct ft_group *g, unsigned i, bool last)
{
	uint8_t reason = run->reason;

	if (i >= g->bucket_count)
		run->why = WEFT_DROP_GROUP_NO_BUCKET;
	else if (last)
		run_bucket_here(b, run, g, i);
	else
		run_bucket_on_copy(b, run, g, i);
	run->reason = reason;
}

static void run_all(struct ft_burst *b, struct ft_run *run, const struct ft_group *g, bool last)
{
	for (unsigned i = 0; i + 1 < g->bucket_count; i++)
		run_bucket(b, run, g, i, false);
	run_bucket(b, run, g, g->bucket_count ? g->bucket_count - 1 : 0, last);
}

void ft_run_group(struct ft_burst *b, struct ft_run *run, uint32_t id, bool last)
{
	const struct ft_group *g = ft_group_find(b->sw, id, b->version);

	if (!g) {
		run->why = WEFT_DROP_GROUP_MISSING;
		return;
	}
	if (run->depth >= FT_MAX_GROUP_DEPTH) {
		run->why = WEFT_DROP_GROUP_DEPTH;
		return;
	}
	if (run->pkt->trace)
		ft_trace_group(run->pkt, g);
	ft_group_count(g, b->worker, run->pkt->pkt.total_len);
	switch (g->type) {
	case WEFT_GROUP_TYPE_ALL:
		run_all(b, run, g, last);
		break;
	case WEFT_GROUP_TYPE_SELECT:
		run_bucket(b, run, g, select_bucket(b, run, g), last);
		break;
	case WEFT_GROUP_TYPE_INDIRECT:
		run_bucket(b, run, g, 0, last);
		break;
	case WEFT_GROUP_TYPE_FF:
		run_bucket(b, run, g, first_live(b, run, g), last);
		break;
	}
}
