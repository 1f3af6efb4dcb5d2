// SPDX-License-Identifier: Apache-2.0
// Triggers against an oracle that counts how often each threshold fits into what was counted.

#include "world.h"

#include <cmocka.h>

#define RULES 12u

struct seen {
	bool there;
	struct weft_trigger trigger; // flags and present 0: none
	uint64_t created, used, packets, bytes;
	// As of the latest look.
	struct weft_trigger set;
	uint64_t set_created;
	uint64_t times[WEFT_STATS]; // told, counted in thresholds
	unsigned counts;
	bool told;
};

static struct seen rule[RULES];
static unsigned events;

static uint32_t in_port_of(const struct weft_match *m)
{
	struct weft_flow_key value, bits;

	weft_match_to_key(m, &value, &bits);
	return ntohl(value.in_port);
}

static void on_triggered(void *ctx, void *sw_ctx, const struct weft_flow_stats *s,
	const struct weft_match *m, const struct weft_instructions *instr)
{
	uint32_t port = in_port_of(m);

	assert_true(port < RULES);
	assert_false(rule[port].told); // once a look
	assert_int_equal(s->packets, rule[port].packets);
	assert_non_null(weft_instructions_trigger(instr));
	rule[port].told = true;
	events++;
}

static struct world *new_world(void)
{
	struct world *w = world_new(2, 1000);

	memset(rule, 0, sizeof(rule));
	events = 0;
	w->sw->env.triggered = on_triggered;
	return w;
}

// The program's last part.
static void program_trigger(struct program *p, const struct weft_trigger *t)
{
	if (!t->present)
		return;
	memcpy(p->actions + p->instr.apply_len + p->instr.write_len, t, sizeof(*t));
	p->instr.flags |= WEFT_INSTR_TRIGGER;
}

static enum weft_error ask(struct world *w, uint8_t command, uint32_t port, uint16_t flags,
	const struct weft_trigger *t)
{
	struct weft_flow_mod mod = flow_mod_of(command, 0, 5);
	struct program p = program_out(1);
	struct weft_match m = match_port(port);

	program_trigger(&p, t);
	mod.flags = flags;
	return ft_flow_mod(w->sw, &mod, &m, &p.instr);
}

static void change(struct world *w, uint8_t command, uint32_t port, uint16_t flags,
	const struct weft_trigger *t)
{
	struct seen *s = &rule[port];
	bool add = command == WEFT_FLOW_ADD;

	assert_int_equal(ask(w, command, port, flags, t), WEFT_E_NONE);
	if (command == WEFT_FLOW_DELETE_STRICT) {
		memset(s, 0, sizeof(*s));
		return;
	}
	if (!s->there && !add)
		return;
	if (add && (!s->there || flags & WEFT_FLOW_RESET_COUNTS)) // a rule of its own
		memset(s, 0, sizeof(*s));
	if (add)
		s->created = w->now;
	if (!add && flags & WEFT_FLOW_RESET_COUNTS) {
		s->packets = s->bytes = 0;
		s->times[WEFT_STAT_PACKETS] = s->times[WEFT_STAT_BYTES] = 0;
	}
	s->there = true;
	s->trigger = *t;
}

static const struct ft_rule *rule_of(struct world *w, uint32_t port)
{
	struct weft_flow_key key = {.in_port = htonl(port)};

	return world_lookup(w, 0, &key);
}

// Some packets of one rule, counted by some worker.
static void count(struct world *w, uint32_t port, unsigned packets, unsigned bytes)
{
	const struct ft_rule *r = rule_of(w, port);
	struct ft_counter *c;

	if (!rule[port].there)
		return;
	assert_non_null(r);
	c = ft_counter_at(&w->sw->counters, r->id, rng() % 2);
	ft_counter_bump(&c->packets, packets);
	ft_counter_bump(&c->bytes, bytes);
	atomic_store(&c->used_ns, w->now);
	rule[port].packets += packets;
	rule[port].bytes += bytes;
	rule[port].used = w->now;
}

// ---- the oracle

static uint64_t value_of(const struct seen *s, unsigned stat, uint64_t now)
{
	uint64_t last = s->used > s->created ? s->used : s->created;

	switch (stat) {
	case WEFT_STAT_DURATION:
		return now - s->created;
	case WEFT_STAT_IDLE:
		return now - last;
	case WEFT_STAT_PACKETS:
		return s->packets;
	case WEFT_STAT_BYTES:
		return s->bytes;
	default:
		return 1;
	}
}

// How often the threshold has been reached, as far as the trigger tells of it.
static uint64_t times(const struct seen *s, unsigned stat, uint64_t now)
{
	uint64_t value = value_of(s, stat, now), at = s->set.at[stat];

	if (!(s->counts >> stat & 1))
		return 0;
	if (s->set.flags & WEFT_TRIGGER_PERIODIC)
		return value / at;
	return value >= at;
}

static bool expected(struct seen *s, uint64_t now)
{
	unsigned first = WEFT_STATS;

	if (!s->there || !s->trigger.present) {
		s->set_created = 0;
		return false;
	}
	if (memcmp(&s->set, &s->trigger, sizeof(s->set)) || s->set_created != s->created) {
		s->set = s->trigger;
		s->set_created = s->created;
		s->counts = s->set.present;
		memset(s->times, 0, sizeof(s->times));
	}
	if (!times(s, WEFT_STAT_IDLE, now))
		s->times[WEFT_STAT_IDLE] = 0;
	for (unsigned i = 0; i < WEFT_STATS; i++) {
		uint64_t n = times(s, i, now);

		if (n > s->times[i] && first == WEFT_STATS)
			first = i;
		if (n > s->times[i])
			s->times[i] = n;
	}
	if (first < WEFT_STATS && s->set.flags & WEFT_TRIGGER_ONLY_FIRST)
		s->counts = s->set.flags & WEFT_TRIGGER_PERIODIC ? 1u << first : 0;
	return first < WEFT_STATS;
}

static void look(struct world *w)
{
	w->now += FT_TRIGGERS_NS;
	while (ft_triggers_tell(w->sw, 1 + rng() % 4))
		;
	for (unsigned i = 0; i < RULES; i++) {
		assert_int_equal(rule[i].told, expected(&rule[i], w->now));
		rule[i].told = false;
	}
}

// ---- tests

static struct weft_trigger random_trigger(void)
{
	static const uint64_t scale[WEFT_STATS] = {SECOND, SECOND, 1, 10, 1000};
	struct weft_trigger t = {.flags = rng() % 4, .present = rng() % (1u << WEFT_STATS)};

	if (rng() % 4 == 0)
		return (struct weft_trigger){0}; // none
	t.present |= !t.present;
	for (unsigned i = 0; i < WEFT_STATS; i++)
		if (t.present >> i & 1)
			t.at[i] = (1 + rng() % 5) * scale[i];
	return t;
}

static void random_change(struct world *w)
{
	static const uint8_t commands[] = {WEFT_FLOW_ADD, WEFT_FLOW_MODIFY_STRICT,
		WEFT_FLOW_MODIFY_STRICT, WEFT_FLOW_DELETE_STRICT};
	uint8_t command = commands[rng() % 4];
	uint32_t port = rng() % RULES;
	uint16_t reset =
		command != WEFT_FLOW_DELETE_STRICT && rng() % 3 == 0 ? WEFT_FLOW_RESET_COUNTS : 0;
	struct weft_trigger t = rng() % 3 ? random_trigger() : rule[port].trigger;

	if (rng() % 4) {
		change(w, command, port, reset, &t);
		return;
	}
	assert_true(ft_txn_begin(w->sw)); // comes to nothing
	assert_int_equal(ask(w, command, port, reset, &t), WEFT_E_NONE);
	w->now += FT_TRIGGERS_NS;
	assert_true(!w->sw->triggers.n || ft_triggers_tell(w->sw, 100));
	ft_txn_abort(w->sw);
}

static void an_oracle_says_the_same(void **state)
{
	unsigned all = 0;

	for (unsigned round = 0; round < 40; round++) {
		struct world *w = new_world();

		w->deferred = round & 1;
		for (unsigned i = 0; i < 300; i++) {
			if (rng() % 6 == 0)
				random_change(w);
			for (unsigned n = rng() % 6; n; n--)
				count(w, rng() % RULES, 1 + rng() % 9, rng() % 900);
			if (rng() % 4 == 0)
				w->now += rng() % (3 * SECOND);
			if (rng() % 5 == 0)
				world_grace(w);
			look(w);
		}
		all += events;
		world_free(w);
	}
	assert_true(all > 40 * 10);
}

static void told(struct world *w, uint32_t port, unsigned packets, unsigned expect)
{
	unsigned before = events;

	if (packets)
		count(w, port, packets, 100 * packets);
	w->now += FT_TRIGGERS_NS;
	while (ft_triggers_tell(w->sw, 1))
		;
	for (unsigned i = 0; i < RULES; i++)
		rule[i].told = false;
	assert_int_equal(events - before, expect);
}

// By hand, what the specification's words come to.
static void what_the_flags_mean(void **state)
{
	const unsigned packets = 1u << WEFT_STAT_PACKETS, bytes = 1u << WEFT_STAT_BYTES;
	const struct weft_trigger once = {0, packets, {[WEFT_STAT_PACKETS] = 10}};
	const struct weft_trigger each = {
		WEFT_TRIGGER_PERIODIC, packets, {[WEFT_STAT_PACKETS] = 10}};
	const struct weft_trigger first = {WEFT_TRIGGER_ONLY_FIRST, packets | bytes,
		{[WEFT_STAT_PACKETS] = 10, [WEFT_STAT_BYTES] = 2000}};
	struct world *w = new_world();

	change(w, WEFT_FLOW_ADD, 1, 0, &once);
	told(w, 1, 9, 0);
	told(w, 1, 1, 1);
	told(w, 1, 100, 0);
	change(w, WEFT_FLOW_MODIFY_STRICT, 1, 0, &each);
	told(w, 1, 0, 1); // it is over that already
	told(w, 1, 9, 0);
	told(w, 1, 1, 1);
	told(w, 1, 35, 1);
	told(w, 1, 4, 0);
	told(w, 1, 1, 1);
	change(w, WEFT_FLOW_MODIFY_STRICT, 1, WEFT_FLOW_RESET_COUNTS, &each);
	told(w, 1, 9, 0);
	told(w, 1, 1, 1);
	change(w, WEFT_FLOW_ADD, 2, 0, &first);
	told(w, 2, 10, 1);
	told(w, 2, 10, 0);
	change(w, WEFT_FLOW_DELETE_STRICT, 1, 0, &once);
	change(w, WEFT_FLOW_DELETE_STRICT, 2, 0, &once);
	told(w, 1, 0, 0);
	assert_int_equal(w->sw->triggers.n, 0);
	world_free(w);
}

static void silence_is_told_each_time(void **state)
{
	const struct weft_trigger idle = {0, 1u << WEFT_STAT_IDLE, {[WEFT_STAT_IDLE] = 5 * SECOND}};
	struct world *w = new_world();

	change(w, WEFT_FLOW_ADD, 1, 0, &idle);
	w->now += 5 * SECOND;
	told(w, 1, 0, 1);
	w->now += 50 * SECOND;
	told(w, 1, 0, 0);
	told(w, 1, 1, 0);
	w->now += 5 * SECOND;
	told(w, 1, 0, 1);
	world_free(w);
}

static void what_makes_no_sense_is_refused(void **state)
{
	const struct weft_trigger bad[] = {
		{.flags = 4, .present = 1, .at = {1}},
		{.flags = WEFT_TRIGGER_PERIODIC, .present = 1},
		{.present = 1, .at = {1, 1}},
		{.present = 1u << WEFT_STATS},
	};
	struct world *w = new_world();

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ask(w, WEFT_FLOW_ADD, 1, 0, &bad[i]), WEFT_E_MALFORMED);
	assert_int_equal(w->sw->rules, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_flags_mean),
		cmocka_unit_test(silence_is_told_each_time),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(an_oracle_says_the_same),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
