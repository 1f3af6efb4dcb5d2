// SPDX-License-Identifier: Apache-2.0
// Where the parts of a flow cache lie in its memory, and which of it is made ready beforehand.
//
// The cache itself and its lines are touched all over from the start. Paths come in turn: from the
// middle of a huge page upwards, what their packets have in common (alike.h) downwards, so that
// those of the first few thousand, which is all that most caches ever have, share that page. Hints
// and the pending list are hardly read, or in turn: small pages do. Hints lie anywhere in theirs,
// and to find a page takes the kernel microseconds, or fifty where the hypervisor has to find it,
// too: so there are few of them at first, and more as paths are made ready (cache_paths.c).

#include "flowtable/cache/cache_own.h"
#include "flowtable/lines.h"

#define MIN_FLOWS 256u
#define MAX_FLOWS FT_CACHE_MAX_PATHS
#define HUGE_PAGE ((size_t)2 << 20)
#define A_PATH (sizeof(struct ft_path) + sizeof(struct ft_alike))
#define PREPARED (uint32_t)(HUGE_PAGE / A_PATH) // paths at a time
#define AHEAD (PREPARED / 2)
#define HINTS 8u // a path, at least, as long as there is room
static_assert(FT_CACHE_FIRST_HINTS >= HINTS * PREPARED, "for the first ones");

uint32_t ft_cache_rounded(unsigned flows)
{
	uint32_t n = MIN_FLOWS;

	while (n < flows && n < MAX_FLOWS)
		n *= 2;
	return n;
}

static size_t up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

// Offsets.
struct layout {
	size_t life, mark, line, path, known, list, end;
};

// One for each flow: of as many as there is room for, coming in turn, each is seen again.
static uint32_t marks_of(uint32_t n)
{
	return n < MARKS ? MARKS : n;
}

static struct layout layout_of(uint32_t n)
{
	struct layout at;
	size_t alike = n * sizeof(struct ft_alike), half = HUGE_PAGE / 2;

	at.life = ft_whole_lines(sizeof(struct ft_cache));
	at.mark = at.life + n / WAYS * sizeof(uint16_t);
	at.line = ft_whole_lines(at.mark + marks_of(n) * sizeof(uint16_t));
	at.path = at.line + n / WAYS * sizeof(struct line) + alike;
	if (alike >= half) // else it is not worth the while
		at.path = up(at.path - half, HUGE_PAGE) + half;
	at.known = up(at.path + n * sizeof(struct ft_path), HUGE_PAGE / 512);
	at.list = at.known + n * sizeof(uint32_t);
	at.end = at.list + n * sizeof(uint32_t);
	return at;
}

size_t ft_cache_bytes(unsigned flows)
{
	return layout_of(ft_cache_rounded(flows)).end;
}

size_t ft_cache_huge_bytes(unsigned flows)
{
	return layout_of(ft_cache_rounded(flows)).known;
}

void ft_cache_carve(struct ft_cache *c, uint32_t n)
{
	struct layout at = layout_of(n);
	char *memory = (void *)c;

	c->life = (void *)(memory + at.life);
	c->mark = (void *)(memory + at.mark);
	c->mark_shift = 64 - (unsigned)__builtin_ctz(marks_of(n));
	c->line = (void *)(memory + at.line);
	c->path = (void *)(memory + at.path);
	c->alike = (struct ft_alike *)(void *)(memory + at.path) - 1;
	c->known = (void *)(memory + at.known);
	c->pending.list = (void *)(memory + at.list);
	c->mask = n / WAYS - 1;
	c->room = n;
	c->hints = n < FT_CACHE_FIRST_HINTS ? n : FT_CACHE_FIRST_HINTS;
}

static void prepare_hints(struct ft_cache *c, ft_populate_fn *populate)
{
	uint32_t n = c->hints;

	while (n < c->room && n < (uint64_t)HINTS * c->prepared)
		n *= 2;
	if (n > c->hints)
		populate(c->known + c->hints, (n - c->hints) * sizeof(*c->known));
	__atomic_store_n(&c->hints, n, __ATOMIC_RELAXED);
}

void ft_cache_prepare(struct ft_cache *c, ft_populate_fn *populate)
{
	uint32_t used = __atomic_load_n(&c->used, __ATOMIC_RELAXED), from = c->prepared, n;

	if (from == c->room || from > used + AHEAD)
		return;
	if (!from) {
		populate(c, (size_t)((char *)(c->line + c->mask + 1) - (char *)c));
		populate(c->known, c->hints * sizeof(*c->known));
	}
	n = c->room - from < PREPARED ? c->room - from : PREPARED;
	populate(c->path + from, n * sizeof(*c->path));
	populate(c->alike - (from + n - 1), n * sizeof(*c->alike));
	c->prepared += n;
	prepare_hints(c, populate);
}
