// SPDX-License-Identifier: Apache-2.0
#include "turns_kept.h"

#include <stdio.h>
#include <string.h>

struct results {
	uint64_t runs, hz;
	struct turn turn[STORMS][TURNS];
	struct turns_clock clock;
};

static struct results kept;

static bool alike(const struct turn *a, const struct turn *b)
{
	return a->packets == b->packets && a->unknown == b->unknown && a->learned == b->learned &&
	       a->waits == b->waits;
}

static void tell(
	const struct results *r, unsigned s, const char *name, uint32_t clock, unsigned differ)
{
	double us = (double)r->hz / 1e6, all = 0;
	const struct turn *worst = r->turn[s];
	unsigned n = 0, over_10 = 0, over_50 = 0;
	unsigned packets = 0, unknown = 0, learned = 0;

	for (unsigned i = 0; i < TURNS; i++) {
		const struct turn *t = &r->turn[s][i];

		packets += t->packets;
		unknown += t->unknown;
		learned += t->learned;
		worst = t->cycles > worst->cycles ? t : worst;
		over_10 += t->cycles > 10 * us;
		over_50 += t->cycles > 50 * us;
		n += t->cycles != 0;
		all += t->cycles;
	}
	printf("{\"storm\": \"%s\", \"runs\": %llu, \"turns\": %u, \"clock_us\": %.1f, "
	       "\"own_us\": %.1f, \"mean_us\": %.2f, \"over_10us\": %u, \"over_50us\": %u, "
	       "\"at\": %u, \"packets\": %u, \"unknown\": %u, \"learned\": %u, \"differ\": %u, "
	       "\"all_packets\": %u, \"all_unknown\": %u, \"all_learned\": %u}\n",
		name, (unsigned long long)r->runs, n, clock / us, worst->cycles / us,
		n ? all / us / n : 0, over_10, over_50, (unsigned)(worst - r->turn[s]),
		worst->packets, worst->unknown, worst->learned, differ, packets, unknown, learned);
}

// This run's turns beside those of the runs before.
static void keep(struct results *r, struct turn run[STORMS][TURNS], const char *const names[STORMS])
{
	bool first = !r->runs++;

	for (unsigned s = 0; s < STORMS; s++) {
		uint32_t clock = 0;
		unsigned differ = 0;

		for (unsigned i = 0; i < TURNS; i++) {
			struct turn *least = &r->turn[s][i], *t = &run[s][i];

			clock = t->cycles > clock ? t->cycles : clock;
			differ += !first && !alike(least, t);
			if (first || t->cycles < least->cycles)
				*least = *t;
		}
		tell(r, s, names[s], clock, differ);
	}
}

struct turns_clock *turns_clock(const char *path)
{
	FILE *file = fopen(path, "rb");
	bool whole = true;

	memset(&kept.clock, 1, sizeof(kept.clock)); // no page of it is touched first within a turn
	kept.clock.n = 0;
	if (file) {
		whole = fread(&kept, sizeof(kept), 1, file) == 1;
		fclose(file);
	}
	return whole ? &kept.clock : NULL;
}

const char *turns_keep(const char *path, struct turn run[STORMS][TURNS],
	const char *const names[STORMS], uint64_t hz)
{
	FILE *file;

	kept.hz = hz;
	keep(&kept, run, names);
	file = fopen(path, "wb");
	if (!file)
		return "cannot write FILE";
	bool written = fwrite(&kept, sizeof(kept), 1, file) == 1;
	return fclose(file) || !written ? "cannot write FILE" : NULL;
}
