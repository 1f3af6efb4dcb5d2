// SPDX-License-Identifier: Apache-2.0
#pragma once
// A switch at which time stands still, for benchmarks that count cycles, and rules for it.

#include "bench/surroundings.h"
#include "flowtable/flowtable.h"

#include <stdio.h>
#include <stdlib.h>

static inline uint64_t stand_still(void *ctx)
{
	return 1;
}

// Ports 1 and 2 are live.
static inline struct ft_switch *still_switch(uint32_t max_rules)
{
	static const struct ft_env env = {
		.retire = retire, .now_ns = stand_still, .seed = 1, .workers = 1};
	struct ft_limits limits = {max_rules, 10, 10, 10};
	struct ft_switch *sw = ft_switch_new(&env, &limits, NULL);

	if (!sw)
		exit(1);
	for (uint32_t p = 1; p <= 2; p++)
		ft_port_set(sw, &(struct ft_port){p, 0, true});
	return sw;
}

// goto_table 0: output to port 2. table 1's rules go on, and so on.
static inline void add_rule(struct ft_switch *sw, uint8_t table, uint16_t priority,
	const struct weft_flow_key *value, const struct weft_flow_key *mask, uint8_t goto_table)
{
	struct {
		struct weft_instructions i;
		struct weft_action a;
		struct weft_action_output out;
	} program = {
		{.apply_len = 16, .flags = WEFT_INSTR_APPLY}, {WEFT_ACTION_OUTPUT, 16, 2}, {0}};
	struct weft_flow_mod mod = {.command = WEFT_FLOW_ADD,
		.table = table,
		.priority = priority,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};
	struct weft_match match;
	enum weft_error e;

	if (goto_table)
		program.i = (struct weft_instructions){
			.flags = WEFT_INSTR_GOTO, .goto_table = goto_table};
	weft_match_from_key(&match, value, mask);
	e = ft_flow_mod(sw, &mod, &match, &program.i);
	if (e == WEFT_E_NONE)
		return;
	fprintf(stderr, "a rule is refused: %s\n", weft_error_text(e));
	exit(1);
}

// All that comes in at port 1.
static inline void add_rule_of_port(struct ft_switch *sw, uint8_t goto_table)
{
	struct weft_flow_key value = {.in_port = htonl(1)}, mask = {.in_port = 0xffffffff};

	add_rule(sw, 0, 1, &value, &mask, goto_table);
}
