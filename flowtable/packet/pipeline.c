// SPDX-License-Identifier: Apache-2.0
// Bursts through the tables. Goto only goes forward, so packets are taken table by table, in order
// of the number, all packets that are due at a table in one lookup.

#include "flowtable/packet/extract.h"
#include "flowtable/packet/nx.h"
#include "flowtable/packet/single.h"
#include "flowtable/cache/trace.h"

void ft_burst_init(struct ft_burst *b, struct ft_switch *sw, unsigned worker, uint64_t now_ns,
	struct ft_sink *sink)
{
	*b = (struct ft_burst){
		.sw = sw,
		.sink = sink,
		.now_ns = now_ns,
		.now_s = (uint32_t)(now_ns / 1000000000u),
		.version = ft_version(sw),
		.worker = worker,
		.flags = ft_flags(sw),
	};
	b->overlay = atomic_load_explicit(&sw->network_id, memory_order_relaxed) ||
		     ft_port_find(sw, WEFT_OFPORT_OVERLAY);
	b->egress = atomic_load_explicit(&sw->first_egress, memory_order_relaxed) != 0;
}

void ft_run_init(struct ft_run *run, struct ft_packet *pkt, struct ft_budget *budget)
{
	*budget = (struct ft_budget){
		.buckets = FT_MAX_BUCKETS, .steps = FT_MAX_STEPS, .resubmits = FT_MAX_RESUBMITS};
	*run = (struct ft_run){
		.pkt = pkt,
		.why = WEFT_DROP_RULE,
		.next = -1,
		.budget = budget,
	};
	pkt->rule = NULL;
	pkt->table = 0;
	pkt->trace = NULL;
	pkt->key.actset_output = htonl(WEFT_OFPORT_UNSET);
}

// ---- instructions, in the order of OpenFlow 1.3.5, 5.9

static void write_metadata(
	struct ft_burst *b, struct ft_run *run, const struct weft_instructions *i)
{
	if (i->metadata_mask)
		ft_run_settle(b, run);
	ft_write_metadata(&run->pkt->key, i);
}

static bool may_end_early(const struct weft_instructions *i)
{
	const uint64_t ends = 1ull << WEFT_ACTION_EXIT | 1ull << WEFT_ACTION_DEC_NW_TTL |
			      1ull << WEFT_ACTION_DEC_MPLS_TTL | 1ull << WEFT_ACTION_DEC_NW_TTL_IDS;

	WEFT_ACTION_FOR_EACH (a, weft_instructions_apply(i), i->apply_len)
		if (ends >> a->type & 1)
			return true;
	return false;
}

// Whether nothing uses the packet after apply-actions. An exit keeps clear-actions from being met,
// and so does an invalid TTL, after which a caller goes on.
static bool apply_is_last(const struct weft_instructions *i, const struct ft_action_set *set)
{
	const char *write = weft_instructions_write(i);

	if (i->flags & WEFT_INSTR_GOTO || ft_any_use(write, write + i->write_len))
		return false;
	return !ft_set_any_use(set) || (i->flags & WEFT_INSTR_CLEAR && !may_end_early(i));
}

bool ft_run_instructions(struct ft_burst *b, struct ft_run *run, const struct weft_instructions *i,
	bool miss, bool last)
{
	struct ft_action_set *set = run->set;

	if (i->meter_id && !ft_run_meter(b, run, i->meter_id))
		return false;
	run->reason = miss ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION;
	if (i->apply_len && !ft_run_actions(b, run, weft_instructions_apply(i), i->apply_len,
				    last && apply_is_last(i, set)))
		return false;
	if (i->flags & WEFT_INSTR_CLEAR)
		ft_set_clear(set);
	if (i->write_len)
		ft_set_write(set, weft_instructions_write(i), i->write_len, miss);
	if (i->write_len || i->flags & WEFT_INSTR_CLEAR)
		run->pkt->key.actset_output = htonl(ft_set_output(set));
	write_metadata(b, run, i);
	return true;
}

void ft_run_set(struct ft_burst *b, struct ft_run *run)
{
	run->reason = run->set->miss ? WEFT_PACKET_IN_MISS : WEFT_PACKET_IN_ACTION_SET;
	run->exit = false;
	ft_set_run(b, run, run->set);
}

static void run_rule(
	struct ft_burst *b, struct ft_run *run, const struct ft_rule *rule, uint8_t table)
{
	const struct weft_instructions *i = ft_rule_instructions(rule);
	struct ft_packet *pkt = run->pkt;

	if (pkt->trace)
		ft_trace_rule(pkt, rule, table);
	pkt->rule = rule;
	pkt->table = table;
	if (ft_only_goes_on(i) && i->goto_table > table) {
		write_metadata(b, run, i);
		run->next = i->goto_table;
		return;
	}
	run->next = -1;
	if (ft_run_instructions(b, run, i, ft_rule_is_miss(rule), true)) {
		if (i->flags & WEFT_INSTR_GOTO && i->goto_table > table) {
			run->next = i->goto_table;
			return;
		}
		ft_run_set(b, run);
	} else if (run->exit) {
		ft_run_set(b, run);
	} else if (run->pausing) {
		ft_pause_rule(run, i, 0);
	}
	if (run->pausing)
		ft_pause_end(b, run);
	ft_run_end(b, run);
}

// ---- tables

// Those of `runs` that are due at the lowest table; the table, or -1.
static int next_stage(struct ft_run runs[], unsigned n, struct ft_run *due[], unsigned *n_due)
{
	int table = -1;

	for (unsigned i = 0; i < n; i++)
		if (runs[i].next >= 0 && (table < 0 || runs[i].next < table))
			table = runs[i].next;
	*n_due = 0;
	for (unsigned i = 0; i < n && table >= 0; i++)
		if (runs[i].next == table)
			due[(*n_due)++] = &runs[i];
	return table;
}

// Not even a table-miss rule, so it ends here; before OpenFlow 1.3 at the controller.
static void run_miss(struct ft_burst *b, struct ft_run *run, uint8_t table)
{
	run->next = -1;
	run->why = WEFT_DROP_TABLE_MISS;
	if (run->pkt->trace)
		ft_trace_rule(run->pkt, NULL, table);
	if (b->flags & FT_SWITCH_MISS_PACKET_IN) {
		run->pkt->rule = NULL;
		run->pkt->table = table;
		ft_output_controller(b, run, WEFT_MAX_LEN_ALL, WEFT_PACKET_IN_IMPLICIT_MISS);
	}
	ft_run_end(b, run);
}

// Packets of one rule that follow each other are counted together.
static void count(
	struct ft_burst *b, const struct ft_rule *const rules[], struct ft_run *due[], unsigned n)
{
	for (unsigned i = 0, same; i < n; i += same) {
		uint64_t bytes = due[i]->pkt->pkt.total_len;

		for (same = 1; i + same < n && rules[i + same] == rules[i]; same++)
			bytes += due[i + same]->pkt->pkt.total_len;
		if (rules[i])
			ft_rule_count(b->sw, rules[i], b->worker, same, bytes, b->now_ns);
	}
}

static void run_stage(struct ft_burst *b, uint8_t table, struct ft_run *due[], unsigned n)
{
	const struct weft_flow_key *keys[FT_BURST] = {NULL};
	const struct ft_rule *rules[FT_BURST];
	unsigned matched = 0;

	for (unsigned i = 0; i < n; i++)
		keys[i] = &due[i]->pkt->key;
	ft_table_lookup_burst(b->sw, table, b->version, keys, n, rules);
	for (unsigned i = 0; i < n; i++)
		if (rules[i])
			ft_rule_prefetch(rules[i]); // trees have not touched it
	count(b, rules, due, n);
	for (unsigned i = 0; i < n; i++) {
		if (rules[i]) {
			matched++;
			run_rule(b, due[i], rules[i], table);
		} else {
			run_miss(b, due[i], table);
		}
	}
	ft_table_count(b->sw, b->worker, table, n, matched);
}

// Runs those of `runs` that have a next table to their ends.
static void run_tables(struct ft_burst *b, struct ft_run runs[], unsigned n)
{
	struct ft_run *due[FT_BURST];
	unsigned n_due;
	int table;

	while ((table = next_stage(runs, n, due, &n_due)) >= 0)
		run_stage(b, (uint8_t)table, due, n_due);
}

void ft_run_tables(struct ft_burst *b, struct ft_run *run)
{
	run_tables(b, run, 1);
}

// ---- from a port

// FT_EDITED, or why the packet may not come in.
static enum weft_drop admit(struct ft_burst *b, struct ft_packet *pkt, bool extracted)
{
	const uint32_t closed = WEFT_PORT_DOWN | WEFT_PORT_NO_RECV;

	if (pkt->pkt.len < 14)
		return WEFT_DROP_RX_TRUNCATED;
	if (!extracted)
		ft_extract(&pkt->pkt, &pkt->key);
	if (atomic_load_explicit(&b->sw->port_configs, memory_order_relaxed) & closed) {
		const struct ft_port_entry *from = ft_burst_port(b, 0, ntohl(pkt->key.in_port));

		if (from && (ft_port_config(from) & closed))
			return WEFT_DROP_RX_PORT_DOWN;
	}
	if (pkt->key.ip_frag && (b->flags & FT_SWITCH_FRAG_DROP))
		return WEFT_DROP_IP_REASSEMBLY;
	return FT_EDITED;
}

static void enter(struct ft_burst *b, struct ft_run *run, bool extracted)
{
	enum weft_drop why = admit(b, run->pkt, extracted);

	if (why != FT_EDITED) {
		run->why = why;
		ft_run_end(b, run);
		return;
	}
	if (b->flags & FT_SWITCH_LEARN)
		ft_learn(b, run->pkt);
	if (b->flags & FT_SWITCH_STANDALONE) {
		ft_output(b, run, WEFT_OFPORT_NORMAL, WEFT_MAX_LEN_ALL);
		ft_run_end(b, run);
		return;
	}
	run->next = 0;
}

void ft_switch_process_traced(struct ft_switch *sw, unsigned worker, uint64_t now_ns,
	struct ft_packet *pkts[], struct ft_trace *const traces[], unsigned n, bool extracted,
	struct ft_sink *sink)
{
	struct ft_run runs[FT_BURST];
	struct ft_action_set sets[FT_BURST];
	struct ft_budget budgets[FT_BURST];
	struct ft_stack stacks[FT_BURST];
	struct ft_pause pause;
	struct ft_burst b;

	ft_burst_init(&b, sw, worker, now_ns, sink);
	b.stacks = stacks;
	b.pause = &pause;
	pause.run = NULL;
	for (unsigned i = 0; i < n; i++) {
		ft_run_init(&runs[i], pkts[i], &budgets[i]);
		runs[i].set = &sets[i];
		pkts[i]->trace = traces ? traces[i] : NULL;
		ft_set_clear(&sets[i]);
		enter(&b, &runs[i], extracted);
	}
	run_tables(&b, runs, n);
}

void ft_switch_process(struct ft_switch *sw, unsigned worker, uint64_t now_ns,
	struct ft_packet *pkts[], unsigned n, struct ft_sink *sink)
{
	ft_switch_process_traced(sw, worker, now_ns, pkts, NULL, n, false, sink);
}

// ---- from a controller

void ft_run_table(struct ft_burst *b, struct ft_run *run, bool last)
{
	struct ft_action_set set;
	struct ft_run copy;

	if (last) {
		run->packet_out = false;
		run->next = 0;
		return;
	}
	copy = (struct ft_run){
		.why = WEFT_DROP_RULE,
		.budget = run->budget,
		.set = &set,
	};
	ft_set_clear(&set);
	copy.pkt = b->sink->clone(b->sink, run->pkt);
	if (!copy.pkt) {
		run->why = WEFT_DROP_NO_BUFFER;
		return;
	}
	copy.pkt->trace = NULL;
	run_tables(b, &copy, 1);
}

// Rules that it resubmitted to may have written to the action set.
static void after_packet_out(struct ft_burst *b, struct ft_run *run)
{
	if (run->next < 0 && ft_set_any_use(run->set))
		ft_run_set(b, run);
}

void ft_switch_packet_out(struct ft_switch *sw, unsigned worker, uint64_t now_ns,
	struct ft_packet *pkt, const void *actions, size_t len, struct ft_sink *sink)
{
	struct ft_single s;
	struct ft_run *run = &s.run;

	ft_single_init(&s, sw, worker, now_ns, pkt, sink);
	run->packet_out = true;
	run->reason = WEFT_PACKET_IN_PACKET_OUT;
	if (pkt->pkt.len < 14) {
		run->why = WEFT_DROP_RX_TRUNCATED;
	} else {
		ft_extract(&pkt->pkt, &pkt->key);
		if (ft_run_actions(&s.b, run, actions, len, true) || run->exit)
			after_packet_out(&s.b, run);
		else if (run->pausing)
			ft_pause_list(run);
		if (run->pausing)
			ft_pause_end(&s.b, run);
	}
	if (run->next >= 0)
		run_tables(&s.b, run, 1);
	else
		ft_run_end(&s.b, run);
}
