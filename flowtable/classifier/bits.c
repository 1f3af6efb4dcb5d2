// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/bits_make.h"

#include <stdlib.h>

static struct ft_bits *bits_of(const struct ft_classifier *c)
{
	return atomic_load_explicit(&c->bits, memory_order_relaxed);
}

static void bits_garbage(struct ft_garbage *g)
{
	free(((struct ft_bits_own *)g)->bits); // the first member
}

static void drop(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_bits *b = bits_of(c);

	atomic_store_explicit(&c->bits, NULL, memory_order_release);
	ft_garbage_add(garbage, &ft_bits_own(b)->garbage, bits_garbage);
}

// ---- the tail

static bool has_piece(const struct ft_bits *b, unsigned piece)
{
	for (unsigned i = 0; i < b->n_pieces; i++)
		if (b->piece[i] == piece)
			return true;
	return false;
}

// Bits of a piece of the key that are looked at.
static uint16_t covered(const struct ft_bits *b, unsigned piece)
{
	if (b->n_pieces)
		return has_piece(b, piece) ? UINT16_MAX : 0;
	return ft_bits_full(b)->covered[piece];
}

// Has it all that the rule needs?
static bool fits(const struct ft_bits *b, const struct ft_rule *r)
{
	for (uint64_t map = r->shape->map; map; map &= map - 1) {
		unsigned first = 4 * (unsigned)__builtin_ctzll(map);

		for (unsigned p = first; p < first + 4; p++)
			if (ft_want_of(r, p).mask & ~covered(b, p))
				return false;
	}
	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct ft_column c = ft_bits_column(b, i);
		struct ft_want w = ft_want_of(r, c.piece);

		if (c.last == 1 && w.mask && (w.mask != c.mask || w.value != c.value))
			return false;
	}
	return true;
}

static void tail_set(struct ft_bits *b, uint32_t slot, const struct ft_rule *r)
{
	uint64_t bit = 1ull << slot % 64;

	for (uint32_t i = 0; i < b->n_columns; i++) {
		struct ft_column c = ft_bits_column(b, i);

		for (uint32_t rows = ft_column_rows(&c, r); rows; rows &= rows - 1) {
			uint32_t row = c.row + (uint32_t)__builtin_ctz(rows);
			_Atomic uint64_t *at =
				&ft_bits_tail_rows(b)[row * b->tail_words + slot / 64];

			atomic_store_explicit(at,
				atomic_load_explicit(at, memory_order_relaxed) | bit,
				memory_order_relaxed);
		}
	}
}

static bool append(struct ft_bits *b, struct ft_rule *r)
{
	uint32_t slot = atomic_load_explicit(&b->tail, memory_order_relaxed);
	uint32_t at = b->first_tail + slot;

	if (slot == b->tail_room || !fits(b, r))
		return false;
	*ft_bits_priority(b, at) = r->priority;
	ft_bits_record_fill(b, at, r);
	tail_set(b, slot, r);
	atomic_store_explicit(ft_bits_rule(b, at), r, memory_order_release);
	atomic_store_explicit(&b->tail, slot + 1, memory_order_release);
	return true;
}

// ---- a chain's first rule

// The first of the ordered slots that has this priority or less.
static uint32_t first_of(const struct ft_bits *b, uint16_t priority)
{
	uint32_t low = 0, high = b->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (*ft_bits_priority(b, mid) > priority)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

// Of slots i to end. Returns the highest priority of those, or `highest`.
static int replace_in(struct ft_bits *b, uint32_t i, uint32_t end, const struct ft_rule *old,
	struct ft_rule *now, int highest)
{
	for (; i < end; i++) {
		if (atomic_load_explicit(ft_bits_rule(b, i), memory_order_relaxed) != old)
			continue;
		atomic_store_explicit(ft_bits_rule(b, i), now, memory_order_release);
		if (*ft_bits_priority(b, i) > highest)
			highest = *ft_bits_priority(b, i);
	}
	return highest;
}

// The slots of the chain that began with `old` get another first rule. The highest priority of
// them.
static int replace(struct ft_bits *b, const struct ft_rule *old, struct ft_rule *now)
{
	uint32_t tail = b->first_tail;
	uint32_t end = tail + atomic_load_explicit(&b->tail, memory_order_relaxed);
	uint32_t from = first_of(b, old->priority), to = from;
	int highest;

	while (to < b->n && *ft_bits_priority(b, to) == old->priority)
		to++;
	highest = replace_in(b, from, to, old, now, replace_in(b, tail, end, old, now, -1));
	// Else its priority was higher once.
	if (ft_bits_own(b)->raised || highest < 0)
		highest = replace_in(b, 0, b->n, old, now, highest);
	ft_bits_own(b)->raised |= now && now->priority > old->priority;
	return highest;
}

void ft_bits_link(struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_rule *r,
	const struct ft_rule *old)
{
	struct ft_bits *b = bits_of(c);

	c->bits_changes++;
	// Above its chain's old priority a rule needs another slot: the old one is not where it
	// would have to be, and keeps leading to the same chain.
	if (b && (!old || replace(b, old, r) < r->priority) && !append(b, r))
		drop(c, garbage);
}

void ft_bits_unlink(struct ft_classifier *c, const struct ft_rule *old, struct ft_rule *next)
{
	struct ft_bits *b = bits_of(c);

	if (!b)
		return;
	replace(b, old, next);
	c->bits_changes++;
	ft_bits_own(b)->dead += !next;
}

// The tail has half of what the others are, or half of those has gone.
static bool is_worn(const struct ft_bits *b)
{
	return 2 * atomic_load_explicit(&b->tail, memory_order_relaxed) > b->n ||
	       2 * ft_bits_own(b)->dead > b->n;
}

static void make_anew(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_bits *old = bits_of(c), *b = ft_bits_make(c);

	c->bits_changes = 0;
	c->bits_wait = b ? c->heads / 8 + 1 : c->heads;
	atomic_store_explicit(&c->bits, b, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &ft_bits_own(old)->garbage, bits_garbage);
}

void ft_bits_publish(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	const struct ft_bits *b = bits_of(c);

	if ((!b || is_worn(b)) && !c->tree && c->heads && c->heads <= FT_BITS_RULES &&
		c->bits_changes >= c->bits_wait)
		make_anew(c, garbage);
}

bool ft_bits_settle(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	if (!c->bits_changes || c->tree || !c->heads || c->heads > FT_BITS_RULES)
		return false;
	make_anew(c, garbage);
	return true;
}

void ft_bits_drop(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	if (bits_of(c))
		drop(c, garbage);
}

void ft_bits_fini(struct ft_classifier *c)
{
	free(bits_of(c));
}
