// SPDX-License-Identifier: Apache-2.0
// The classifier alone, over ClassBench's filter sets and traces.
//
// All rules in one table, keys in bursts of 64, as of the data plane's workers, in the order of the
// trace, no flow cache. The heap lies in huge pages where there are any, as the data plane's does.
// Cycles are TSC cycles per key, the median over the bursts of several rounds; in bursts of half as
// many, too. Memory is what malloc gave out
// per rule, all told, before and after the table has come to rest; of what that is made is in a
// second line. Coming to rest takes so many steps, of so many milliseconds of CPU time in all, and
// so many the longest. Rates are transactions of one rule by CPU time. A sample of the keys is
// looked up by going over all rules, too, and must agree. Where a set is missing, one of ours
// stands in and says so.

#include "dataplane/dp_heap.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/flowtable.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

#include "filters.h"
#include "help.h"
#include "surroundings.h"
#include "weigh.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: bench-classbench [--isa scalar|avx2|avx512] [DIR [SET...]]\n"
	"The classifier alone over ClassBench's filter sets and traces.\n"
	"\n"
	"  --isa  instructions to search by (the best that the processor has)\n"
	"  DIR  where they lie (../shared/classbench); for one that is missing one is made\n"
	"  SET  acl1_1k, fw1_10k, ipc1_100k and their like (all nine)\n";

#define BURSTS 8192u
#define CHECKED 100u

static double tsc_per_ns(void)
{
	uint64_t ns = now_ns(NULL), tsc = __builtin_ia32_rdtsc();

	while (now_ns(NULL) - ns < 50000000u)
		;
	return (double)(__builtin_ia32_rdtsc() - tsc) / (double)(now_ns(NULL) - ns);
}

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void no_memory(void)
{
	fprintf(stderr, "no memory\n");
	exit(1);
}

// Past the checks of ft_flow_mod(), which has no masks for ports.
static void add(struct ft_switch *sw, const struct filter_rule *r)
{
	static const struct {
		struct weft_instructions instr;
		struct weft_action action;
		struct weft_action_output output;
	} does = {
		.instr = {.flags = WEFT_INSTR_APPLY, .apply_len = 16},
		.action = {.type = WEFT_ACTION_OUTPUT, .len = 16, .arg = 1},
	};
	struct ft_program_spec says = {.instr = &does.instr};
	struct ft_rule_spec spec = {.match = &r->match, .priority = r->priority};

	if (!ft_txn_begin(sw))
		no_memory();
	spec.program = ft_program_get(sw, &says);
	if (!spec.program || !ft_stage_add(sw, &spec))
		no_memory();
	ft_txn_commit(sw);
	dp_heap_run();
}

static void delete (struct ft_switch *sw, const struct filter_rule *filter)
{
	struct ft_rule *r = ft_classifier_find(&ft_table_of(sw, 0)->classifier, &filter->match);

	while (r->priority != filter->priority)
		r = atomic_load_explicit(&r->next, memory_order_relaxed);
	if (!ft_txn_begin(sw) || !ft_txn_reserve(sw->txn, 1))
		no_memory();
	ft_stage_del(sw, r, FT_REASON_SILENT);
	ft_txn_commit(sw);
}

static double change_all(struct ft_switch *sw, const struct filters *s,
	void (*change)(struct ft_switch *, const struct filter_rule *))
{
	double start = cpu_s();

	for (size_t i = 0; i < s->n_rules; i++)
		change(sw, &s->rule[i]);
	return (double)s->n_rules / (cpu_s() - start);
}

// ---- coming to rest

struct rest {
	unsigned steps;
	double ms, longest_ms;
};

static struct rest settle(struct ft_switch *sw)
{
	struct rest r = {0};
	bool more = true, again = true;

	while (more || again) {
		double start = cpu_s(), ms;

		again = more; // a table is left alone for two calls before that
		more = ft_settle(sw) || ft_settle_more(sw);
		dp_heap_run();
		ms = (cpu_s() - start) * 1000;
		r.steps += more;
		r.ms += ms;
		r.longest_ms = ms > r.longest_ms ? ms : r.longest_ms;
	}
	return r;
}

// ---- lookups

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

// In bursts of so many.
static double look_up(struct ft_switch *sw, const struct filters *s, unsigned burst)
{
	static uint64_t cycles[BURSTS];
	struct weft_flow_key key[FT_BURST];
	const struct weft_flow_key *keys[FT_BURST];
	const struct ft_rule *found[FT_BURST];
	size_t at = 0;

	for (unsigned i = 0; i < BURSTS; i++) {
		for (unsigned k = 0; k < burst; k++) {
			key[k] = filters_key(&s->flow[at++ % s->n_flows]);
			keys[k] = &key[k];
		}
		cycles[i] = __builtin_ia32_rdtsc();
		ft_table_lookup_burst(sw, 0, ft_version(sw), keys, burst, found);
		cycles[i] = __builtin_ia32_rdtsc() - cycles[i];
	}
	qsort(cycles, BURSTS, sizeof(cycles[0]), by_size);
	return (double)cycles[BURSTS / 2] / burst;
}

static int stupid_lookup(const struct filters *s, const struct weft_flow_key *key)
{
	int best = -1;

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct weft_match *m = &s->rule[i].match;
		unsigned n = 0;
		uint64_t differ = 0, word;

		for (uint64_t map = m->map; map; map &= map - 1, n++) {
			memcpy(&word, (const char *)key + 8 * __builtin_ctzll(map), 8);
			differ |= (word ^ m->value[n]) & m->mask[n];
		}
		if (!differ && s->rule[i].priority > best)
			best = s->rule[i].priority;
	}
	return best;
}

static void check(struct ft_switch *sw, const struct filters *s)
{
	for (size_t i = 0; i < CHECKED; i++) {
		struct weft_flow_key key = filters_key(&s->flow[i * 7919 % s->n_flows]);
		const struct weft_flow_key *keys[] = {&key};
		const struct ft_rule *found[1];
		int want = stupid_lookup(s, &key), got;

		ft_table_lookup_burst(sw, 0, ft_version(sw), keys, 1, found);
		got = found[0] ? ft_rule_id(found[0]).priority : -1;
		if (got != want) {
			fprintf(stderr, "wrong: priority %d, should be %d\n", got, want);
			exit(1);
		}
	}
}

static void print_weight(const struct weight *w, size_t all, size_t rules)
{
	const struct {
		const char *name;
		size_t bytes;
	} part[] = {{"rule", w->rules}, {"numbers", w->numbers}, {"counters", w->counters},
		{"shapes", w->shapes}, {"tuples", w->tuples}, {"nodes", w->nodes},
		{"lanes", w->lanes}, {"slots", w->slots}};
	size_t sum = 0;

	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		printf("  %s %.1f", part[i].name, (double)part[i].bytes / (double)rules);
		sum += part[i].bytes;
	}
	printf("  other %.1f\n", ((double)all - (double)sum) / (double)rules);
}

static void run(const char *name, const struct filters *s, double per_ns)
{
	struct ft_env env = {.retire = retire, .now_ns = now_ns, .seed = 42, .workers = 1};
	struct ft_limits limits = {.max_rules = UINT32_MAX, .max_groups = 1, .max_fdb = 1};
	struct ft_switch *sw = ft_switch_new(&env, &limits, NULL);
	size_t before = allocated(), bytes, settled;
	double adds, dels, cycles, half;
	struct rest rest;
	struct weight w;

	if (!sw)
		exit(1);
	adds = change_all(sw, s, add);
	bytes = allocated() - before;
	rest = settle(sw);
	settled = allocated() - before;
	check(sw, s);
	cycles = look_up(sw, s, FT_BURST);
	half = look_up(sw, s, FT_BURST / 2);
	weigh(sw, 0, &w);
	dels = change_all(sw, s, delete);
	printf("%-10s %8zu %8zu %8.1f %8.1f %8.1f %8.1f %8.1f %10.0f %10.0f %7u %7.1f %7.2f\n",
		name, s->n_filters, s->n_rules, cycles, cycles / per_ns, half / per_ns,
		(double)bytes / (double)s->n_rules, (double)settled / (double)s->n_rules, adds,
		dels, rest.steps, rest.ms, rest.longest_ms);
	print_weight(&w, settled, s->n_rules);
	fflush(stdout);
	ft_switch_free(sw);
}

static void run_set(const char *dir, const char *set, double per_ns)
{
	char path[2048];
	struct filters s;
	size_t n = strstr(set, "100k") ? 100000 : strstr(set, "10k") ? 10000 : 1000;

	snprintf(path, sizeof(path), "%s/%s", dir, set);
	if (!filters_load(&s, path)) {
		fprintf(stderr, "%s is missing: MADE HERE instead\n", path);
		snprintf(path, sizeof(path), "made_%zu", n);
		filters_make(&s, n, 42);
		set = path;
	}
	run(set, &s, per_ns);
	filters_free(&s);
}

static void use_isa(const char *name)
{
	static const char *const names[FT_ISA_MAX] = {
		[FT_ISA_SCALAR] = "scalar", [FT_ISA_AVX2] = "avx2", [FT_ISA_AVX512] = "avx512"};
	unsigned isa = 0;

	while (isa < FT_ISA_MAX && strcmp(names[isa], name))
		isa++;
	if (isa == FT_ISA_MAX)
		wrong_call(usage);
	if (ft_isa_use((enum ft_isa)isa))
		return;
	fprintf(stderr, "this processor has no %s\n", name);
	exit(1);
}

int main(int argc, char **argv)
{
	static const char *const sets[] = {"acl1_1k", "fw1_1k", "ipc1_1k", "acl1_10k", "fw1_10k",
		"ipc1_10k", "acl1_100k", "fw1_100k", "ipc1_100k"};
	const char *dir;
	double per_ns;

	help_if_asked(argc, argv, usage);
	if (argc > 2 && !strcmp(argv[1], "--isa")) {
		use_isa(argv[2]);
		argc -= 2;
		argv += 2;
	}
	dir = argc > 1 ? argv[1] : "../shared/classbench";
	dp_heap_start(true);
	per_ns = tsc_per_ns();
	printf("%-10s %8s %8s %8s %8s %8s %8s %8s %10s %10s %7s %7s %7s\n", "set", "filters",
		"rules", "cycles", "ns", "half", "bytes", "settled", "adds/s", "deletes/s", "steps",
		"ms", "longest");
	for (int i = 2; i < argc; i++)
		run_set(dir, argv[i], per_ns);
	for (unsigned i = 0; argc <= 2 && i < sizeof(sets) / sizeof(sets[0]); i++)
		run_set(dir, sets[i], per_ns);
	return 0;
}
