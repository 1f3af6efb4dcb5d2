// SPDX-License-Identifier: Apache-2.0
#include "flowtable/timer.h"

#include "flowtable/switch.h"

#include <stdlib.h>

uint64_t ft_rule_due_ns(const struct ft_rule *r, uint64_t used_ns)
{
	const struct ft_program *p = r->program;
	uint64_t since = used_ns > r->created_ns ? used_ns : r->created_ns;
	uint64_t idle = p->idle_timeout ? since + p->idle_timeout * FT_SECOND_NS : UINT64_MAX;
	uint64_t hard =
		p->hard_timeout ? r->created_ns + p->hard_timeout * FT_SECOND_NS : UINT64_MAX;

	return idle < hard ? idle : hard;
}

static void swap(struct ft_timer *a, struct ft_timer *b)
{
	struct ft_timer t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct ft_timer *heap, uint32_t i)
{
	for (; i && heap[i].due_ns < heap[(i - 1) / 2].due_ns; i = (i - 1) / 2)
		swap(&heap[i], &heap[(i - 1) / 2]);
}

static void sift_down(struct ft_timer *heap, uint32_t n, uint32_t i)
{
	for (;;) {
		uint32_t least = i;

		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
			if (heap[child].due_ns < heap[least].due_ns)
				least = child;
		if (least == i)
			return;
		swap(&heap[i], &heap[least]);
		i = least;
	}
}

// The rule that the entry means, if it is there and has a timeout.
static struct ft_rule *timer_rule(const struct ft_switch *sw, const struct ft_timer *t)
{
	struct ft_rule *r = ft_ids_rule(sw, t->id);

	if (!r || (uint32_t)r->created_ns != t->stamp || !ft_life_staged(&r->life))
		return NULL;
	return ft_rule_times_out(r) ? r : NULL;
}

static void timers_sweep(struct ft_switch *sw)
{
	struct ft_timers *t = &sw->timers;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		if (timer_rule(sw, &t->heap[i]))
			t->heap[n++] = t->heap[i];
	t->n = n;
	for (uint32_t i = n / 2; i-- > 0;)
		sift_down(t->heap, n, i);
}

bool ft_timers_reserve(struct ft_switch *sw)
{
	struct ft_timers *t = &sw->timers;
	uint32_t room = t->room ? 2 * t->room : 64;
	struct ft_timer *heap;

	if (t->n < t->room)
		return true;
	// As in program.c: an abort may bring back what is gone for now.
	if (t->n > 2 * t->live + 1024 && !sw->txn->removals)
		timers_sweep(sw);
	if (t->n < t->room)
		return true;
	heap = realloc(t->heap, room * sizeof(*heap));
	if (!heap)
		return false;
	t->heap = heap;
	t->room = room;
	return true;
}

void ft_timers_add(struct ft_switch *sw, const struct ft_rule *r, uint64_t due_ns)
{
	struct ft_timers *t = &sw->timers;

	t->heap[t->n] = (struct ft_timer){due_ns, r->id, (uint32_t)r->created_ns};
	sift_up(t->heap, t->n++);
}

struct ft_rule *ft_timers_pop(struct ft_switch *sw, uint64_t now_ns)
{
	struct ft_timers *t = &sw->timers;

	while (t->n && t->heap[0].due_ns <= now_ns) {
		struct ft_rule *r = timer_rule(sw, &t->heap[0]);

		t->heap[0] = t->heap[--t->n];
		sift_down(t->heap, t->n, 0);
		if (r)
			return r;
	}
	return NULL;
}

void ft_timers_fini(struct ft_switch *sw)
{
	free(sw->timers.heap);
}
