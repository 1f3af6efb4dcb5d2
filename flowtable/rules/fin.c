// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/fin.h"

#include "flowtable/packet/exec.h"
#include "flowtable/packet/extract.h"
#include "flowtable/rules/select.h"
#include "flowtable/switch.h"
#include "flowtable/cache/trace.h"

#define TCP_FIN 1u
#define TCP_RST 4u

// Seconds, 0: none.
static uint16_t shorter(uint16_t a, uint16_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

static bool shortens(const struct ft_program *p, uint16_t idle, uint16_t hard)
{
	return shorter(p->idle_timeout, idle) != p->idle_timeout ||
	       shorter(p->hard_timeout, hard) != p->hard_timeout;
}

// ---- worker

static bool ends(const struct ft_packet *pkt)
{
	return pkt->pkt.l4_ofs && pkt->key.ip_proto == FT_PROTO_TCP &&
	       ntohs(pkt->key.tcp_flags) & (TCP_FIN | TCP_RST);
}

static void tell(
	struct ft_burst *b, const struct ft_rule *r, const struct weft_action_fin_timeout *f)
{
	uint64_t room[FT_LEARN_BYTES / 8];
	struct ft_learned *l = (struct ft_learned *)room;
	struct weft_match m;

	ft_rule_match(r, &m);
	*l = (struct ft_learned){
		.mod = {.cookie = r->cookie,
			.idle_timeout = f->idle_timeout,
			.hard_timeout = f->hard_timeout,
			.priority = r->priority,
			.command = WEFT_FLOW_MODIFY_STRICT,
			.table = r->table},
		.map = m.map,
		.words = weft_match_words(&m),
	};
	static_assert(sizeof(*l) + sizeof(m.value) + sizeof(m.mask) <= FT_LEARN_BYTES, "any match");
	memcpy(l->bytes, m.value, 8 * l->words);
	memcpy(l->bytes + l->words, m.mask, 8 * l->words);
	l->size = (uint32_t)(sizeof(*l) + 16 * l->words);
	b->sink->learn_rule(b->sink, l);
}

void ft_fin_run(struct ft_burst *b, struct ft_run *run, const struct weft_action_fin_timeout *f)
{
	const struct ft_rule *r = run->pkt->rule;

	ft_trace_spoil(run->pkt); // a later packet of the flow may have FIN
	if (r && b->sink->learn_rule && ends(run->pkt) &&
		shortens(r->program, f->idle_timeout, f->hard_timeout))
		tell(b, r, f);
}

// ---- writer

bool ft_is_fin(const struct ft_learned *l)
{
	return l->mod.command == WEFT_FLOW_MODIFY_STRICT;
}

// Is this still the rule that asked?
static bool asks(const struct ft_rule *r, const struct ft_learned *l)
{
	const struct weft_instructions *i = ft_rule_instructions(r);

	if (r->cookie != l->mod.cookie)
		return false;
	WEFT_ACTION_FOR_EACH (a, weft_instructions_apply(i), i->apply_len)
		if (a->type == WEFT_ACTION_FIN_TIMEOUT || a->type == WEFT_ACTION_CLONE)
			return true;
	return false;
}

enum weft_error ft_fin_apply(struct ft_switch *sw, const struct ft_learned *l)
{
	struct weft_match m = {.map = l->map};
	const struct ft_selector s = {.match = &m,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY,
		.table = l->mod.table};
	struct ft_rule *r;

	if (sw->txn)
		return WEFT_E_STATE;
	memcpy(m.value, l->bytes, 8 * l->words);
	memcpy(m.mask, l->bytes + l->words, 8 * l->words);
	r = ft_select_strict(sw, &s, l->mod.priority);
	if (!r || !asks(r, l) || !shortens(r->program, l->mod.idle_timeout, l->mod.hard_timeout))
		return WEFT_E_NONE; // it went, or has been told
	return ft_flow_retime(sw, r, shorter(r->program->idle_timeout, l->mod.idle_timeout),
		shorter(r->program->hard_timeout, l->mod.hard_timeout));
}
