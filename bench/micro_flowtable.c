// SPDX-License-Identifier: Apache-2.0
// The flow tables alone: how fast rules come and go, what one costs in memory, what a lookup costs.
//
// Rules are IPv4 five-tuples over TCP; with MASKS > 1 they are spread over as many lengths of
// prefix of both addresses. Memory is what the process's resident set grew by, counters of one
// worker touched for every rule included. Rates are by CPU time, so that a busy machine disturbs
// them less. Lookups are in bursts of 32 at random rules; cycles are TSC cycles, the median of the
// bursts.

#include "flowtable/flowtable.h"
#include "flowtable/switch.h"

#include "bench/help.h"
#include "bench/random.h"
#include "bench/surroundings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench-flowtable [RULES [MASKS]]\n"
	"The flow tables alone: changes a second, bytes a rule, cycles a lookup.\n"
	"\n"
	"  RULES  (1000000)\n"
	"  MASKS  1 to 256 that they are spread over (1)\n";

#define BURST 32u

static size_t resident(void)
{
	size_t total = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%zu %zu", &total, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static weft_be32 prefix(unsigned bits)
{
	return htonl(bits ? 0xffffffffu << (32 - bits) : 0);
}

// Flow i; distinct also under the shortest prefix.
static struct weft_flow_key flow(uint32_t i)
{
	uint32_t mixed = i * 2654435761u;

	return (struct weft_flow_key){
		.in_port = htonl(1),
		.eth_type = htons(0x0800),
		.ip_proto = 6,
		.ipv4_src = htonl(mixed),
		.ipv4_dst = htonl(~mixed),
		.l4_src = htons((uint16_t)i),
		.l4_dst = htons((uint16_t)(i >> 16)),
	};
}

static struct weft_match rule_match(uint32_t i, unsigned masks)
{
	unsigned shape = i % masks;
	struct weft_flow_key value = flow(i), mask = {
						      .eth_type = 0xffff,
						      .ip_proto = 0xff,
						      .ipv4_src = prefix(32 - shape % 16),
						      .ipv4_dst = prefix(32 - shape / 16 % 16),
						      .l4_src = 0xffff,
						      .l4_dst = 0xffff,
					      };
	struct weft_match m;

	weft_match_from_key(&m, &value, &mask);
	return m;
}

static void flow_mod(struct ft_switch *sw, uint8_t command, uint32_t i, unsigned masks)
{
	struct {
		struct weft_instructions instr;
		struct weft_action action;
		struct weft_action_output output;
	} does = {
		.instr = {.flags = WEFT_INSTR_APPLY, .apply_len = 16},
		.action = {.type = WEFT_ACTION_OUTPUT, .len = 16, .arg = 1 + i % 64},
	};
	struct weft_flow_mod mod = {
		.cookie = i,
		.command = command,
		.priority = 100,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY,
	};
	struct weft_match m = rule_match(i, masks);
	enum weft_error error = ft_flow_mod(sw, &mod, &m, &does.instr);

	if (error) {
		fprintf(stderr, "rule %u: %s\n", i, weft_error_text(error));
		exit(1);
	}
}

static void change_all(struct ft_switch *sw, const char *what, uint8_t command, uint32_t rules,
	unsigned masks, bool one)
{
	double start = cpu_s(), s;

	if (one && !ft_txn_begin(sw))
		exit(1);
	for (uint32_t i = 0; i < rules; i++)
		flow_mod(sw, command, i, masks);
	if (one)
		ft_txn_commit(sw);
	s = cpu_s() - start;
	printf("%-32s %8.3f s  %10.0f /s\n", what, s, rules / s);
}

#define BURSTS 65536u

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void look_up(struct ft_switch *sw, uint32_t flows)
{
	static uint64_t cycles[BURSTS];
	struct weft_flow_key key[BURST];
	const struct weft_flow_key *keys[BURST];
	const struct ft_rule *found[BURST];
	uint64_t hits = 0;

	for (unsigned i = 0; i < BURSTS; i++) {
		for (unsigned k = 0; k < BURST; k++) {
			key[k] = flow(random32() % flows);
			keys[k] = &key[k];
		}
		cycles[i] = __builtin_ia32_rdtsc();
		ft_table_lookup_burst(sw, 0, ft_version(sw), keys, BURST, found);
		cycles[i] = __builtin_ia32_rdtsc() - cycles[i];
		for (unsigned k = 0; k < BURST; k++)
			hits += found[k] != NULL;
	}
	qsort(cycles, BURSTS, sizeof(cycles[0]), by_size);
	printf("lookup among %8u flows         %8.1f cycles  (hits %.1f %%)\n", flows,
		(double)cycles[BURSTS / 2] / BURST, 100.0 * (double)hits / BURSTS / BURST);
}

// What a busy worker's counters take.
static void count_all(struct ft_switch *sw)
{
	for (uint32_t id = 0; id < sw->ids.count; id++)
		ft_rule_count(sw, ft_ids_rule(sw, id), 0, 1, 64, 1);
}

int main(int argc, char **argv)
{
	uint32_t rules = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1000000;
	unsigned masks = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 1;
	struct ft_env env = {.retire = retire, .now_ns = now_ns, .seed = 42, .workers = 1};
	struct ft_limits limits = {.max_rules = UINT32_MAX, .max_groups = 1, .max_fdb = 1};
	struct ft_switch *sw;
	size_t before, bare;

	help_if_asked(argc, argv, usage);
	if (!rules || !masks || masks > 256 || argc > 3)
		wrong_call(usage);
	sw = ft_switch_new(&env, &limits, NULL);
	if (!sw)
		return 1;
	before = resident();
	printf("%u rules, %u masks\n", rules, masks);
	change_all(sw, "add, one transaction each", WEFT_FLOW_ADD, rules, masks, false);
	bare = resident() - before;
	count_all(sw);
	printf("memory %10.1f bytes a rule, %.1f with one worker's counters\n",
		(double)bare / rules, (double)(resident() - before) / rules);
	look_up(sw, rules < 1000 ? rules : 1000);
	look_up(sw, rules);
	change_all(
		sw, "modify, one transaction each", WEFT_FLOW_MODIFY_STRICT, rules, masks, false);
	change_all(
		sw, "delete, one transaction each", WEFT_FLOW_DELETE_STRICT, rules, masks, false);
	change_all(sw, "add, one transaction for all", WEFT_FLOW_ADD, rules, masks, true);
	change_all(
		sw, "delete, one transaction for all", WEFT_FLOW_DELETE_STRICT, rules, masks, true);
	ft_switch_free(sw);
	return 0;
}
