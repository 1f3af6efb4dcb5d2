// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/path.h"

#include "flowtable/packet/edit.h"
#include "flowtable/packet/exec.h"
#include "flowtable/packet/extract.h"
#include "flowtable/switch.h"

static_assert(offsetof(struct ft_path, sw) == 64 && sizeof(struct ft_path) == 256, "four lines");
static_assert(offsetof(struct ft_path, at) == 128 && offsetof(struct ft_path, rule) == 192,
	"the counters have the second line, the steps the third");
static_assert(sizeof(struct ft_path_more) == sizeof(struct ft_path) &&
		      FT_PATH_STEPS_MORE * sizeof(struct ft_step) == sizeof(struct ft_path),
	"a place each");
static_assert(FT_PATH_TABLES < FT_STEP_NO_RULE, "rules of steps");

// ---- counters

// What was pending may be older than what was counted since.
static inline void rule_used(struct ft_counter *c, uint64_t used_ns)
{
	if (atomic_load_explicit(&c->used_ns, memory_order_relaxed) < used_ns)
		atomic_store_explicit(&c->used_ns, used_ns, memory_order_relaxed);
}

// Its first rules and tables.
static inline void count(const struct ft_path *p, unsigned rules, unsigned n_tables,
	unsigned worker, uint64_t n, uint64_t bytes, uint64_t used_ns)
{
	for (unsigned i = 0; i < rules; i++) {
		struct ft_counter *c = *ft_path_counter(p, i);

		ft_counter_bump(&c->packets, n);
		ft_counter_bump(&c->bytes, bytes);
		rule_used(c, used_ns);
	}
	for (unsigned i = 0; i < n_tables; i++) {
		struct ft_table_counter *c = ft_table_counter(p->sw, worker, *ft_path_table(p, i));

		ft_counter_bump(&c->lookups, n);
		if (i < rules)
			ft_counter_bump(&c->matched, n);
	}
	if (p->asks_fdb && p->source)
		ft_fdb_touch(p->source, worker, (uint32_t)(used_ns / 1000000000u));
}

// n packets got as far as this step: some of the rules met them longer or shorter than they came.
static void count_lengths(const struct ft_path *p, unsigned end, uint64_t n)
{
	for (unsigned i = 0; i < end; i++) {
		const struct ft_step *s = ft_path_step(p, i);

		if (s->type == FT_STEP_LENGTH)
			ft_counter_bump(&(*ft_path_counter(p, s->rule))->bytes,
				n * (uint64_t)(int64_t)s->bytes);
	}
}

void ft_path_count(
	const struct ft_path *p, unsigned worker, uint64_t n, uint64_t bytes, uint64_t used_ns)
{
	count(p, p->rules, p->tables, worker, n, bytes, used_ns);
	count_lengths(p, p->steps, n);
}

// ---- steps

bool ft_path_only_writes(const struct ft_path *p)
{
	for (unsigned i = 0; i < p->steps; i++) {
		const struct ft_step *s = ft_path_step(p, i);
		const struct weft_action *a = s->what;

		if (s->type != FT_STEP_EDIT || a->type == WEFT_ACTION_PUSH_VLAN ||
			a->type == WEFT_ACTION_POP_VLAN)
			return false;
	}
	return true;
}

struct walk {
	const struct ft_path *path;
	struct ft_sink *sink;
	uint64_t now_ns;
	unsigned worker;
	unsigned depth;
	uint32_t came; // bytes
	bool extracted[FT_PATH_DEPTH + 1];
	struct ft_packet *at[FT_PATH_DEPTH + 1]; // the packet, its copy, the copy's, ...
};

static struct ft_packet *current(const struct walk *w)
{
	return w->at[w->depth];
}

static void want_key(struct walk *w)
{
	if (w->extracted[w->depth])
		return;
	ft_extract(&current(w)->pkt, &current(w)->key);
	w->extracted[w->depth] = true;
}

// Whose doing it is.
static struct ft_packet *blame(const struct walk *w, const struct ft_step *s)
{
	struct ft_packet *p = current(w);

	p->rule = s->rule == FT_STEP_NO_RULE ? NULL : *ft_path_rule(w->path, s->rule);
	p->table = s->rule == FT_STEP_NO_RULE ? 0 : *ft_path_table(w->path, s->rule);
	return p;
}

// The step that the copy ends by which the i-th would have made.
static unsigned end_of_copy(const struct ft_path *path, unsigned i)
{
	for (unsigned deep = 1; deep;) {
		const struct ft_step *s = ft_path_step(path, ++i);

		deep += s->type == FT_STEP_CLONE;
		deep -= s->type == FT_STEP_DROP || (s->type == FT_STEP_OUTPUT && !s->tables);
	}
	return i;
}

// False: no buffer, which the sink has counted.
static bool copy(struct walk *w)
{
	struct ft_packet *p = w->sink->clone(w->sink, current(w));

	if (!p)
		return false;
	p->trace = NULL;
	w->extracted[w->depth + 1] = w->extracted[w->depth];
	w->at[++w->depth] = p;
	return true;
}

static void output(struct walk *w, const struct ft_step *s)
{
	w->sink->again(w->sink, blame(w, s), s, s->tables ? FT_KEEP : 0);
	w->depth -= !s->tables;
}

// False: dropped.
static bool meter(struct walk *w, unsigned i)
{
	const struct ft_step *s = ft_path_step(w->path, i);
	const struct ft_meter *m = s->what;
	struct ft_packet *p = current(w);
	int band = ft_meter_run(w->path->sw, m, w->worker, w->now_ns, p->pkt.total_len);

	if (band < 0 || band >= m->band_count)
		return true;
	if (m->band[band].type == WEFT_BAND_DROP) {
		count(w->path, s->tables, s->tables, w->worker, 1, w->came, w->now_ns);
		count_lengths(w->path, i, 1);
		w->sink->drop(w->sink, blame(w, s), WEFT_DROP_METER);
		return false;
	}
	want_key(w);
	ft_remark_dscp(&p->pkt, &p->key, m->band[band].prec_level);
	return true;
}

static bool step(struct walk *w, unsigned i)
{
	const struct ft_step *s = ft_path_step(w->path, i);

	switch ((enum ft_step_type)s->type) {
	case FT_STEP_EDIT:
		want_key(w);
		ft_edit(current(w), s->what);
		break;
	case FT_STEP_OUTPUT:
		output(w, s);
		break;
	case FT_STEP_DROP:
		w->sink->drop(w->sink, blame(w, s), (enum weft_drop)s->flags);
		w->depth--;
		break;
	case FT_STEP_METER:
		return meter(w, i);
	case FT_STEP_GROUP:
		ft_group_count(s->what, w->worker, current(w)->pkt.total_len);
		break;
	case FT_STEP_BUCKET:
		ft_bucket_count(s->what, s->bucket, w->worker, current(w)->pkt.total_len);
		break;
	case FT_STEP_LENGTH: // count_lengths()
	case FT_STEP_CLONE:  // the caller's
		break;
	}
	return true;
}

bool ft_path_run(const struct ft_path *path, unsigned worker, uint64_t now_ns, struct ft_packet *p,
	struct ft_sink *sink)
{
	struct walk w = {
		.path = path,
		.sink = sink,
		.now_ns = now_ns,
		.worker = worker,
		.came = p->pkt.total_len,
		.at = {p},
	};

	p->trace = NULL;
	for (unsigned i = 0; i < path->steps; i++) {
		if (ft_path_step(path, i)->type == FT_STEP_CLONE) {
			if (!copy(&w))
				i = end_of_copy(path, i);
		} else if (!step(&w, i)) {
			return false;
		}
	}
	return true;
}
