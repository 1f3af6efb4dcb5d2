// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/pause.h"

#include "flowtable/packet/nx.h"
#include "flowtable/cache/trace.h"

static_assert(WEFT_PAUSE_STACK == FT_STACK_VALUES, "every stack fits");

bool ft_pause_start(struct ft_burst *b, struct ft_run *run, const struct weft_action_controller *c)
{
	struct ft_pause *p = b->pause;

	ft_trace_spoil(run->pkt);
	if (p->run) {
		ft_run_flush(b, run);
		run->why = WEFT_DROP_ACTION_ERROR;
		return false;
	}
	run->why = WEFT_DROP_RULE;
	if (!ft_output_packet_in(b, run,
		    &(struct ft_packet_in){.max_len = WEFT_MAX_LEN_ALL,
			    .reason = c->reason,
			    .controller_id = c->controller_id,
			    .controller = c}))
		return false;
	p->run = run;
	p->rest_len = p->rules_len = p->n_rules = 0;
	p->full = p->set_done = false;
	run->pausing = p;
	return false;
}

// ---- on the way out

void ft_pause_rest(struct ft_run *run, const struct weft_action *rest, const void *end)
{
	run->pausing->rest = rest;
	run->pausing->rest_len = (uint32_t)((const char *)end - (const char *)rest);
}

static void *put(void *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return (char *)at + len;
}

static void put_rule(
	struct ft_run *run, unsigned flags, struct weft_instructions i, const void *write)
{
	struct ft_pause *p = run->pausing;
	const struct weft_paused_rule r = {run->pkt->table, run->reason, (uint8_t)flags, {0}};
	char *at = (char *)p->rules + p->rules_len;

	i.apply_len = (uint16_t)p->rest_len;
	i.flags &= (uint8_t)~WEFT_INSTR_TRIGGER;
	p->rest_len = 0;
	if (p->rules_len + sizeof(r) + weft_instructions_bytes(&i) > sizeof(p->rules)) {
		p->full = true;
		return;
	}
	at = put(at, &r, sizeof(r));
	at = put(at, &i, sizeof(i));
	at = put(at, p->rest, i.apply_len);
	at = put(at, write, i.write_len);
	p->rules_len = (uint32_t)(at - (char *)p->rules);
	p->n_rules++;
}

void ft_pause_rule(struct ft_run *run, const struct weft_instructions *i, unsigned flags)
{
	struct weft_instructions rest = *i;

	rest.meter_id = 0;
	if (run->pausing->rest_len || i->write_len || i->metadata_mask ||
		i->flags & (WEFT_INSTR_CLEAR | WEFT_INSTR_GOTO))
		put_rule(run, flags, rest, weft_instructions_write(i));
}

void ft_pause_list(struct ft_run *run)
{
	static const struct weft_instructions list = {.flags = WEFT_INSTR_APPLY};

	if (run->pausing->rest_len)
		put_rule(run, WEFT_PAUSED_LIST, list, weft_instructions_write(&list));
}

void ft_pause_again(
	struct ft_run *run, const struct weft_paused_rule *from, const void *end, unsigned n)
{
	struct ft_pause *p = run->pausing;
	size_t len = (size_t)((const char *)end - (const char *)from);

	if (p->rules_len + len > sizeof(p->rules)) {
		p->full = true;
		return;
	}
	put((char *)p->rules + p->rules_len, from, len);
	p->rules_len += (uint32_t)len;
	p->n_rules = (uint16_t)(p->n_rules + n);
}

// ---- where the way began

// What lies before, and how much of it there is room for.
struct sheet {
	char *at, *end;
	bool full;
};

static void write_down(struct sheet *s, const void *bytes, size_t len)
{
	if ((size_t)(s->end - s->at) < len)
		s->full = true;
	else
		s->at = put(s->at, bytes, len);
}

static uint64_t write_key(struct sheet *s, const struct weft_flow_key *key)
{
	uint64_t map = 0, word;

	for (uint64_t left = weft_pause_words(); left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		memcpy(&word, (const char *)key + 8 * (size_t)i, 8);
		if (!word)
			continue;
		map |= 1ull << i;
		write_down(s, &word, 8);
	}
	return map;
}

// Set-fields come first: one that is written makes loads of the field forgotten.
static void write_set(struct sheet *s, const struct ft_action_set *set)
{
	for (unsigned half = 0; half < 2; half++)
		for (uint64_t left = set->fields[half]; left; left &= left - 1) {
			unsigned f = 64 * half + (unsigned)__builtin_ctzll(left);

			write_down(s, set->field[f], set->field[f]->len);
		}
	if (set->n_more > FT_SET_MORE)
		s->full = true;
	for (unsigned i = 0; i < set->n_more && i < FT_SET_MORE; i++)
		write_down(s, set->more[i], set->more[i]->len);
	for (uint64_t left = set->types; left; left &= left - 1) {
		const struct weft_action *a = set->type[__builtin_ctzll(left)];

		write_down(s, a, a->len);
	}
}

static bool write_all(const struct ft_burst *b, struct ft_run *run, struct sheet *s)
{
	const struct ft_pause *p = run->pausing;
	const struct ft_stack *stack = run->budget->stack;
	struct weft_continuation *c = (void *)s->at, head = {.n_rules = p->n_rules};
	const char *set;

	if (b->pass)
		head.flags = WEFT_PAUSED_EGRESS;
	write_down(s, &head, sizeof(head));
	if (b->pass)
		write_down(s, b->pass, sizeof(*b->pass));
	c->map = write_key(s, &run->pkt->key);
	if (stack && stack->n) {
		c->n_stack = (uint16_t)stack->n;
		write_down(s, stack->at, stack->n * sizeof(stack->at[0]));
	}
	set = s->at;
	if (!p->set_done)
		write_set(s, run->set);
	c->set_len = (uint16_t)(s->at - set);
	c->flags |= (uint8_t)((p->set_done ? WEFT_PAUSED_SET_DONE : 0) |
			      (run->packet_out ? WEFT_PAUSED_PACKET_OUT : 0) |
			      (!p->set_done && run->set->miss ? WEFT_PAUSED_SET_MISS : 0));
	write_down(s, p->rules, p->rules_len);
	return !s->full && !p->full;
}

void ft_pause_end(struct ft_burst *b, struct ft_run *run)
{
	struct ft_pause *p = run->pausing;
	struct sheet s = {(char *)p->bytes, (char *)p->bytes + sizeof(p->bytes), false};

	if (write_all(b, run, &s)) {
		run->in.continuation = p->bytes;
		run->in.continuation_len = (uint16_t)(s.at - (char *)p->bytes);
	} else {
		run->waiting = FT_WAIT_NONE;
		run->why = WEFT_DROP_ACTION_ERROR;
		b->pause->run = NULL;
	}
	run->pausing = NULL;
}
