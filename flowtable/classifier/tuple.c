// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/tuple.h"

#include <stdlib.h>

static struct ft_slots *slots_of(const struct ft_tuple *t)
{
	return atomic_load_explicit(&t->slots, memory_order_relaxed);
}

static uint32_t sig_at(const struct ft_bin *b, unsigned lane)
{
	return atomic_load_explicit(&b->sig[lane], memory_order_relaxed);
}

static uint32_t bins_of(uint64_t lanes)
{
	return (uint32_t)((lanes + FT_RULE_LANES - 1) / FT_RULE_LANES);
}

// Full to 5/6 at most when new.
static uint32_t bins_new(uint32_t rules)
{
	return bins_of((uint64_t)rules + rules / 5 + 1);
}

static uint32_t bins_packed(uint32_t rules)
{
	return bins_of((uint64_t)rules * 32 / FT_FILL_PACKED + 1);
}

static struct ft_slots *slots_new(uint32_t bins, bool bare, bool packed)
{
	uint32_t stride = bare ? FT_BIN_EXACT : sizeof(struct ft_bin);
	// Megabytes come zeroed by the kernel, page by page as they are used.
	void *block = calloc(1, sizeof(struct ft_slots) + (size_t)bins * stride + 63);
	struct ft_slots *s = (void *)(((uintptr_t)block + 63) & ~(uintptr_t)63);

	if (!block)
		return NULL;
	s->block = block;
	s->bins = bins;
	s->stride = stride;
	s->bare = bare;
	s->packed = packed;
	return s;
}

struct ft_tuple *ft_tuple_new(
	uint64_t map, const uint64_t *mask, uint64_t seed, const uint8_t *pieces, uint32_t rules)
{
	unsigned words = (unsigned)__builtin_popcountll(map), i = 0;
	struct ft_tuple *t = calloc(1, sizeof(*t) + words * sizeof(t->mask[0]));
	struct ft_slots *slots = t ? slots_new(bins_new(rules), !pieces, false) : NULL;

	if (!slots) {
		free(t);
		return NULL;
	}
	atomic_init(&t->slots, slots);
	t->seed = seed;
	t->map = map;
	t->words = words;
	t->exact = !pieces;
	t->max_priority = -1;
	if (pieces)
		memcpy(t->piece, pieces, sizeof(t->piece));
	for (; i < words; i++)
		t->mask[i] = mask[i];
	for (i = 0; map; map &= map - 1)
		t->word[i++] = (uint8_t)__builtin_ctzll(map);
	return t;
}

static void slots_free(struct ft_slots *s)
{
	if (s)
		free(s->block);
}

void ft_tuple_free(struct ft_tuple *t)
{
	if (!t)
		return;
	slots_free(slots_of(t));
	slots_free(t->copy);
	free(t);
}

static void tuple_garbage(struct ft_garbage *g)
{
	ft_tuple_free((struct ft_tuple *)(void *)((char *)g - offsetof(struct ft_tuple, garbage)));
}

void ft_tuple_drop(struct ft_tuple *t, struct ft_garbage_list *garbage)
{
	ft_garbage_add(garbage, &t->garbage, tuple_garbage);
}

bool ft_tuple_takes(const struct ft_tuple *t, const struct ft_shape *s)
{
	if (t->map & ~s->map)
		return false;
	for (unsigned i = 0; i < t->words; i++)
		if (t->mask[i] & ~s->mask[ft_map_index(s->map, t->word[i])])
			return false;
	return !t->exact ||
	       (t->map == s->map && memcmp(t->mask, s->mask, t->words * sizeof(t->mask[0])) == 0);
}

uint64_t ft_tuple_hash(const struct ft_tuple *t, const struct ft_shape *s, const uint64_t *value)
{
	uint64_t h = t->seed;

	for (unsigned i = 0; i < t->words; i++)
		h = ft_tuple_hash_step(t, h, value[ft_map_index(s->map, t->word[i])] & t->mask[i]);
	return ft_hash_end(h);
}

// ---- searching

static bool rule_is(const struct ft_rule *r, const struct ft_shape *s, const uint64_t *value)
{
	return r->shape == s && memcmp(r->value, value, s->words * sizeof(value[0])) == 0;
}

// Goes over the bins that a hash may be in.
#define FOR_EACH_BIN(b, s, hash)                                                                   \
	for (struct ft_way w_ = ft_way_of(hash), *go_ = &w_; go_ && ((b) = ft_way_bin(s, w_));     \
		w_.at += w_.step,                                                                  \
			   go_ = sig_at(b, FT_LANE_PASSED) & ft_pass_bit(hash) ? go_ : NULL)

struct ft_place ft_tuple_find(
	struct ft_tuple *t, const struct ft_shape *shape, const uint64_t *value, uint64_t hash)
{
	const struct ft_slots *slots = slots_of(t);
	uint32_t sig = ft_sig(hash);
	struct ft_bin *b;

	FOR_EACH_BIN(b, slots, hash)
	{
		for (unsigned i = 0; i < FT_RULE_LANES; i++) {
			struct ft_place p = {t, b, i};

			if ((sig_at(b, i) & ~0xffffu) == sig &&
				rule_is(ft_place_rule(&p), shape, value))
				return p;
		}
	}
	return (struct ft_place){0};
}

bool ft_tuple_has_room(const struct ft_tuple *t, uint64_t hash)
{
	const struct ft_slots *slots = slots_of(t);
	uint32_t sig = ft_sig(hash);
	unsigned crowd = 0;
	struct ft_bin *b;

	if (t->exact)
		return true;
	FOR_EACH_BIN(b, slots, hash)
	for (unsigned i = 0; i < FT_RULE_LANES; i++)
		crowd += (sig_at(b, i) & ~0xffffu) == sig;
	return crowd < FT_TUPLE_CROWD;
}

// ---- changing

static void lane_set_pieces(
	const struct ft_tuple *t, struct ft_bin *b, unsigned lane, const struct ft_rule *r)
{
	const struct ft_shape *s = r->shape;
	uint16_t value[FT_PIECES] = {0}, mask[FT_PIECES] = {0};

	for (unsigned i = 0; i < FT_PIECES; i++) {
		unsigned word = t->piece[i] / 4, at = ft_map_index(s->map, word);

		if (!(s->map >> word & 1))
			continue;
		memcpy(&value[i], (const char *)&r->value[at] + t->piece[i] % 4 * 2, 2);
		memcpy(&mask[i], (const char *)&s->mask[at] + t->piece[i] % 4 * 2, 2);
	}
	atomic_store_explicit(
		&b->value[lane], value[0] | (uint32_t)value[1] << 16, memory_order_relaxed);
	atomic_store_explicit(
		&b->mask[lane], mask[0] | (uint32_t)mask[1] << 16, memory_order_relaxed);
	atomic_store_explicit(&b->value2[lane], value[2], memory_order_relaxed);
	atomic_store_explicit(&b->mask2[lane], mask[2], memory_order_relaxed);
}

static unsigned free_lane(const struct ft_bin *b)
{
	unsigned lane = 0;

	while (lane < FT_RULE_LANES && sig_at(b, lane))
		lane++;
	return lane;
}

static void mark_passed(struct ft_bin *b, uint64_t hash)
{
	atomic_store_explicit(&b->sig[FT_LANE_PASSED],
		sig_at(b, FT_LANE_PASSED) | ft_pass_bit(hash), memory_order_release);
}

// Returns the bin.
static const struct ft_bin *slots_insert(
	const struct ft_tuple *t, struct ft_slots *slots, struct ft_rule *r, uint64_t hash)
{
	struct ft_way way = ft_way_of(hash);
	struct ft_bin *b = ft_way_bin(slots, way);
	uint32_t longest = 1;
	unsigned lane;

	for (; (lane = free_lane(b)) == FT_RULE_LANES; longest++) {
		mark_passed(b, hash);
		way.at += way.step;
		b = ft_way_bin(slots, way);
	}
	if (longest > atomic_load_explicit(&slots->longest, memory_order_relaxed))
		atomic_store_explicit(&slots->longest, longest, memory_order_relaxed);
	// A reader may come to it by what the lane was before.
	atomic_store_explicit(&b->rule[lane], r, memory_order_release);
	if (!slots->bare)
		lane_set_pieces(t, b, lane, r);
	atomic_store_explicit(&b->sig[lane], ft_sig(hash) | r->priority, memory_order_release);
	return b;
}

static void raise_priority(struct ft_tuple *t, int priority)
{
	if (priority > t->max_priority)
		t->max_priority = priority;
	if (priority > t->settling_max)
		t->settling_max = priority;
}

// Whether what is in this bin of the slots is in the copy as well.
static bool is_copied(const struct ft_tuple *t, const struct ft_bin *b)
{
	return t->copy && b < ft_bin_at(slots_of(t), t->copied);
}

void ft_tuple_insert(struct ft_tuple *t, struct ft_rule *r, uint64_t hash)
{
	if (is_copied(t, slots_insert(t, slots_of(t), r, hash)))
		slots_insert(t, t->copy, r, hash);
	t->heads++;
	raise_priority(t, r->priority);
}

static void lane_set(struct ft_bin *b, unsigned lane, struct ft_rule *head)
{
	uint32_t sig = sig_at(b, lane);

	if (!head) {
		atomic_store_explicit(&b->sig[lane], FT_LANE_EMPTY, memory_order_release);
		return;
	}
	atomic_store_explicit(&b->rule[lane], head, memory_order_release);
	atomic_store_explicit(
		&b->sig[lane], (sig & ~0xffffu) | head->priority, memory_order_release);
}

// Likewise where the copy has the rule that is replaced.
static void copy_set(
	struct ft_tuple *t, const struct ft_rule *old, uint64_t hash, struct ft_rule *head)
{
	struct ft_bin *b;

	FOR_EACH_BIN(b, t->copy, hash)
	for (unsigned i = 0; i < FT_RULE_LANES; i++)
		if (sig_at(b, i) >= FT_LANE_USED &&
			atomic_load_explicit(&b->rule[i], memory_order_relaxed) == old) {
			lane_set(b, i, head);
			return;
		}
}

void ft_place_set(const struct ft_place *p, struct ft_rule *head)
{
	const struct ft_rule *old = ft_place_rule(p);
	struct ft_tuple *t = p->tuple;
	uint64_t hash;

	if (!head || is_copied(t, p->bin)) {
		hash = ft_tuple_hash(t, old->shape, old->value);
		if (is_copied(t, p->bin))
			copy_set(t, old, hash, head);
		t->gone += !head && ft_way_bin(slots_of(t), ft_way_of(hash)) != p->bin;
	}
	lane_set(p->bin, p->lane, head);
	t->heads -= !head;
	if (head)
		raise_priority(t, head->priority);
}

static void slots_garbage(struct ft_garbage *g)
{
	slots_free((struct ft_slots *)(void *)g); // the first member
}

static void prefetch_rules(const struct ft_slots *s, uint32_t bin)
{
	const struct ft_bin *b = ft_bin_at(s, bin);

	for (unsigned i = 0; bin < s->bins && i < FT_RULE_LANES; i++) {
		if (sig_at(b, i) >= FT_LANE_USED) {
			const struct ft_rule *r =
				atomic_load_explicit(&b->rule[i], memory_order_relaxed);

			__builtin_prefetch(&r->shape);
			__builtin_prefetch(r->value);
		}
	}
}

static void copy_bin(struct ft_tuple *t, const struct ft_bin *b)
{
	for (unsigned lane = 0; lane < FT_RULE_LANES; lane++) {
		struct ft_rule *r;

		if (sig_at(b, lane) < FT_LANE_USED)
			continue;
		r = atomic_load_explicit(&b->rule[lane], memory_order_relaxed);
		slots_insert(t, t->copy, r, ft_tuple_hash(t, r->shape, r->value));
	}
}

// The copy is whole.
static void copy_publish(struct ft_tuple *t, struct ft_garbage_list *garbage)
{
	struct ft_slots *old = slots_of(t);

	atomic_store_explicit(&t->slots, t->copy, memory_order_release);
	t->copy = NULL;
	t->copied = 0;
	t->gone = 0;
	t->settled = 0; // it begins again, if it was on
	t->settling_max = -1;
	ft_garbage_add(garbage, &old->garbage, slots_garbage);
}

static void copy_some(struct ft_tuple *t, struct ft_garbage_list *garbage, uint32_t bins)
{
	const struct ft_slots *old = slots_of(t);

	for (; bins && t->copied < old->bins; bins--) {
		prefetch_rules(old, t->copied + FT_COPY_BINS);
		copy_bin(t, ft_bin_at(old, t->copied++));
	}
	if (t->copied == old->bins)
		copy_publish(t, garbage);
}

// More than so many 32nd parts of the lanes, with one rule more.
static bool is_filled(const struct ft_tuple *t, unsigned parts)
{
	return (uint64_t)(t->heads + 1) * 32 > (uint64_t)slots_of(t)->bins * FT_RULE_LANES * parts;
}

// With room for the rules that come until it is whole.
static void copy_begin(struct ft_tuple *t)
{
	uint32_t n = t->heads, more = (n < 1024 ? n : n / 4 + n / 32) + 1;
	uint32_t bins = slots_of(t)->bins, pace = bins / more + 1;

	t->copy = slots_new(bins_new(n + more), t->exact, false);
	t->copied = 0;
	t->copy_pace = pace > FT_COPY_BINS ? pace : FT_COPY_BINS;
	if (bins <= FT_COPY_AT_ONCE)
		t->copy_pace = bins;
}

// Nobody has seen it.
static void copy_give_up(struct ft_tuple *t)
{
	slots_free(t->copy);
	t->copy = NULL;
	t->copied = 0;
}

bool ft_tuple_reserve(struct ft_tuple *t, struct ft_garbage_list *garbage)
{
	bool small = slots_of(t)->bins <= FT_COPY_AT_ONCE;
	unsigned most = slots_of(t)->packed ? FT_FILL_MOST : FT_FILL;

	if (t->copy && t->copy->packed)
		copy_give_up(t); // it has room for those that are there
	if (!t->copy &&
		(is_filled(t, small ? FT_FILL : FT_FILL - 1) || t->gone > t->heads / 2 + 64))
		copy_begin(t);
	do {
		if (t->copy)
			copy_some(t, garbage, t->copy_pace);
	} while (t->copy && is_filled(t, most));
	return !is_filled(t, slots_of(t)->packed ? FT_FILL_MOST : FT_FILL);
}

// ---- at rest

// Whether packing it would save next to nothing.
static bool is_packed(const struct ft_tuple *t)
{
	const struct ft_slots *s = slots_of(t);

	return s->bare && s->bins <= bins_packed(t->heads) + s->bins / 16;
}

uint32_t ft_tuple_pack(struct ft_tuple *t, struct ft_garbage_list *garbage, uint32_t bins)
{
	uint32_t copied = t->copied;

	if (t->copy && !t->copy->packed)
		copy_give_up(t);
	if (!t->copy) {
		copied = 0;
		if (is_packed(t))
			return 0;
		t->copy = slots_new(bins_packed(t->heads), true, true);
		if (!t->copy)
			return 0;
	}
	copied = slots_of(t)->bins - copied < bins ? slots_of(t)->bins - copied : bins;
	copy_some(t, garbage, bins);
	return copied;
}

bool ft_tuple_refit(struct ft_tuple *t, struct ft_garbage_list *garbage)
{
	if (t->copy && t->copy->packed)
		copy_give_up(t);
	if (!slots_of(t)->packed)
		return false;
	if (!t->copy)
		copy_begin(t);
	if (t->copy)
		copy_some(t, garbage, t->copy_pace);
	return t->copy;
}

struct ft_rule *ft_tuple_next(const struct ft_tuple *t, uint64_t *at)
{
	const struct ft_slots *slots = slots_of(t);

	for (; *at < (uint64_t)slots->bins * FT_RULE_LANES; ++*at) {
		const struct ft_bin *b = ft_bin_at(slots, (uint32_t)(*at / FT_RULE_LANES));
		unsigned lane = *at % FT_RULE_LANES;

		if (!lane)
			prefetch_rules(slots, (uint32_t)(*at / FT_RULE_LANES) + 1);
		if (sig_at(b, lane) >= FT_LANE_USED) {
			++*at;
			return atomic_load_explicit(&b->rule[lane], memory_order_relaxed);
		}
	}
	return NULL;
}

// The highest priority in the next bins.
static void settle_some(struct ft_tuple *t, uint32_t bins)
{
	const struct ft_slots *slots = slots_of(t);

	for (; bins && t->settled < slots->bins; bins--) {
		const struct ft_bin *b = ft_bin_at(slots, t->settled++);

		for (unsigned lane = 0; lane < FT_RULE_LANES; lane++) {
			uint32_t sig = sig_at(b, lane);

			if (sig >= FT_LANE_USED && (int)(sig & 0xffff) > t->settling_max)
				t->settling_max = (int)(sig & 0xffff);
		}
	}
}

bool ft_tuple_settle(struct ft_tuple *t, int priority)
{
	uint32_t bins = slots_of(t)->bins, sparse = bins / (t->heads + 1);
	bool lower;

	t->stale |= priority >= t->max_priority;
	if (!t->settling && !t->stale)
		return false;
	if (!t->settling) {
		t->settling = true;
		t->stale = false;
		t->settled = 0;
		t->settling_max = -1;
	}
	settle_some(t, 1 + (sparse < FT_SETTLE_BINS ? sparse : FT_SETTLE_BINS));
	if (t->settled < bins)
		return false;
	t->settling = false;
	lower = t->settling_max < t->max_priority;
	t->max_priority = t->settling_max;
	return lower;
}
