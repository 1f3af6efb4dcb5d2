// SPDX-License-Identifier: Apache-2.0
#include "flowtable/egress.h"

#include "flowtable/packet/exec.h"
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"
#include "flowtable/cache/trace.h"

static uint8_t first_of(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->first_egress, memory_order_relaxed);
}

// ---- which tables

uint8_t ft_table_role(const struct ft_switch *sw, uint8_t table)
{
	uint8_t first = first_of(sw);

	if (!first || table < first)
		return WEFT_TABLE_INGRESS;
	return table == first ? WEFT_TABLE_EGRESS | WEFT_TABLE_FIRST_EGRESS : WEFT_TABLE_EGRESS;
}

static bool any_rule_from(const struct ft_switch *sw, unsigned table)
{
	for (; table < WEFT_TABLES; table++) {
		const struct ft_table *t = ft_table_of(sw, (uint8_t)table);

		if (t && t->rules)
			return true;
	}
	return false;
}

// No rule is in these tables: who leads there is an ingress rule.
static bool any_goto_from(const struct ft_switch *sw, uint8_t table)
{
	const struct ft_programs *ps = &sw->programs;

	for (uint32_t i = 0; i < ps->buckets; i++)
		for (const struct ft_program *p = ps->bucket[i]; p; p = p->hash_next)
			if (p->instr.flags & WEFT_INSTR_GOTO && p->instr.goto_table >= table)
				return true;
	return false;
}

enum weft_error ft_egress_set(struct ft_switch *sw, uint8_t table, bool first)
{
	uint8_t was = first_of(sw), lower = was && was < table ? was : table;

	if (!table)
		return first ? WEFT_E_TABLE_CONFIG : WEFT_E_NONE;
	if (first ? was == table : was != table)
		return WEFT_E_NONE;
	if (any_rule_from(sw, lower) || (first && any_goto_from(sw, lower)))
		return WEFT_E_TABLE_CONFIG;
	atomic_store_explicit(&sw->first_egress, first ? table : 0, memory_order_relaxed);
	ft_switch_changed(sw);
	return WEFT_E_NONE;
}

enum weft_error ft_check_egress(
	const struct ft_switch *sw, uint8_t table, const struct weft_instructions *i)
{
	uint8_t first = first_of(sw);

	if (!first)
		return WEFT_E_NONE;
	if (table < first)
		return i->flags & WEFT_INSTR_GOTO && i->goto_table >= first ? WEFT_E_BAD_GOTO
									    : WEFT_E_NONE;
	WEFT_ACTION_FOR_EACH (a, weft_instructions_write(i), i->write_len) {
		if (a->type == WEFT_ACTION_GROUP)
			return WEFT_E_ACTION_GROUP;
		if (a->type == WEFT_ACTION_OUTPUT || a->type == WEFT_ACTION_OUTPUT_TRUNC ||
			a->type == WEFT_ACTION_RESUBMIT)
			return WEFT_E_ACTION_PORT;
	}
	return WEFT_E_NONE;
}

// ---- a pass

// An action set that says so.
struct pass_output {
	struct weft_action a;
	struct weft_action_output out;
};

static struct weft_egress_pass pass_of(const struct ft_run *run)
{
	const struct weft_ip none = {.q = {0, 0}};

	if (run->waiting == FT_WAIT_OVERLAY)
		return (struct weft_egress_pass){.port = WEFT_OFPORT_OVERLAY, .vtep = run->vtep};
	return (struct weft_egress_pass){.port = run->port, .vtep = none};
}

// The packet, or a copy of it; NULL: no buffer, and the sink has counted that.
static struct ft_packet *pass_packet(struct ft_burst *b, const struct ft_run *run, unsigned flags)
{
	struct ft_packet *pkt = run->pkt;

	ft_trace_spoil(pkt);
	if (flags & FT_KEEP)
		pkt = b->sink->clone(b->sink, run->pkt);
	if (pkt)
		pkt->trace = NULL;
	return pkt;
}

__attribute__((noinline)) void ft_egress(struct ft_burst *b, struct ft_run *run, unsigned flags)
{
	const struct weft_egress_pass pass = pass_of(run);
	const struct pass_output output = {
		{WEFT_ACTION_OUTPUT, sizeof(output), pass.port}, {.max_len = WEFT_MAX_LEN_ALL}};
	struct ft_action_set set;
	struct ft_run out = {
		.pkt = pass_packet(b, run, flags),
		.why = WEFT_DROP_RULE,
		.next = first_of(b->sw),
		.budget = run->budget,
		.set = &set,
	};

	run->waiting = FT_WAIT_NONE;
	if (!out.pkt)
		return;
	ft_set_clear(&set);
	ft_set_write(&set, &output, sizeof(output), false);
	out.pkt->key.actset_output = htonl(pass.port);
	b->pass = &pass;
	if (out.next && ft_budget_steps(run->budget, 1)) {
		ft_run_tables(b, &out);
	} else {
		out.why = WEFT_DROP_RECURSION;
		ft_run_end(b, &out);
	}
	b->pass = NULL;
}

bool ft_egress_output(struct ft_burst *b, struct ft_run *run, uint32_t ofport)
{
	if (ofport != b->pass->port)
		return false;
	ft_output_pass(b, run, b->pass);
	return true;
}
