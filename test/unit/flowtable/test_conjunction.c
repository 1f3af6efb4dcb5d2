// SPDX-License-Identifier: Apache-2.0
// Conjunctive matches against an oracle that looks at every rule: random rules that come, change
// sides and go, in transactions, and packets.

#include "oracle_match.h"
#include "world.h"

#include "flowtable/classifier/conjunction.h"

#define MAX 70u
#define IDS 5u

struct clause {
	uint32_t id;
	uint8_t k, n;
};

struct entry {
	struct weft_match match;
	uint64_t cookie;
	uint16_t priority;
	unsigned clauses; // 0: hard
	struct clause clause[3];
};

struct list {
	struct entry at[MAX];
	unsigned n;
};

static struct world *world;
static struct list list;
static uint64_t cookies;

static int setup(void **state)
{
	world = world_new(1, MAX);
	list.n = 0;
	return 0;
}

static int teardown(void **state)
{
	world_free(world);
	return 0;
}

// ---- the oracle

static int best_hard(struct weft_flow_key key, uint32_t conj_id)
{
	int best = -1;

	key.conj_id = htonl(conj_id);
	for (unsigned i = 0; i < list.n; i++)
		if (!list.at[i].clauses && oracle_matches(&list.at[i].match, &key) &&
			(int)list.at[i].priority > best)
			best = list.at[i].priority;
	return best;
}

static bool is_complete(const struct weft_flow_key *key, uint16_t priority, uint32_t id)
{
	uint64_t have = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < list.n; i++) {
		const struct entry *e = &list.at[i];

		if (e->priority != priority || !oracle_matches(&e->match, key))
			continue;
		for (unsigned c = 0; c < e->clauses; c++)
			if (e->clause[c].id == id) {
				have |= 1ull << e->clause[c].k;
				n = e->clause[c].n;
			}
	}
	return n && have == (1ull << n) - 1;
}

// The priority of the answer, and the conj_id that it was found with.
static int answer(const struct weft_flow_key *key, uint32_t *with)
{
	int hard = best_hard(*key, 0);

	*with = 0;
	for (int p = 20; p > hard; p--) {
		int best = -1;

		for (uint32_t id = 1; id <= IDS; id++) {
			int found = is_complete(key, (uint16_t)p, id) ? best_hard(*key, id) : -1;

			if (found > best) {
				best = found;
				*with = id;
			}
		}
		if (best >= 0)
			return best;
	}
	return hard;
}

// ---- random rules

static struct weft_match random_match(bool soft)
{
	static const uint32_t masks[] = {0, 0xffff0000, 0xffffff00, 0xffffffff};
	struct pattern p = {0};

	if (rng() % 3 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + rng() % 2);
	if (rng() % 4) {
		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
		if (rng() % 2)
			pattern_masked(
				&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 | rng() % 4, masks[rng() % 4]);
		if (rng() % 2)
			pattern_masked(
				&p, WEFT_FIELD_IPV4_DST, 0x0a000000 | rng() % 4, masks[rng() % 4]);
	}
	if (!soft && rng() % 5)
		pattern_exact(&p, WEFT_FIELD_CONJ_ID, rng() % (IDS + 1));
	return pattern_match(&p);
}

static struct weft_flow_key random_key(void)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + rng() % 2);
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&p, WEFT_FIELD_IPV4_SRC, 0x0a000000 | rng() % 4);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, 0x0a000000 | rng() % 4);
	return p.value;
}

static void conjoin(struct program *p, const struct clause *c)
{
	struct weft_action *a = program_add(p, false, WEFT_ACTION_CONJUNCTION, c->id);

	*(struct weft_action_conjunction *)(void *)(a + 1) =
		(struct weft_action_conjunction){.clause = c->k, .n_clauses = c->n};
}

// An id's number of dimensions is always the same.
static void random_clauses(struct entry *e)
{
	e->clauses = 1 + rng() % 3;
	for (unsigned i = 0; i < e->clauses; i++) {
		struct clause *c = &e->clause[i];

		c->id = 1 + rng() % IDS;
		c->n = (uint8_t)(2 + c->id % 2);
		c->k = (uint8_t)(rng() % c->n);
	}
}

static struct entry *find(const struct entry *like)
{
	for (unsigned i = 0; i < list.n; i++)
		if (list.at[i].priority == like->priority &&
			weft_match_equal(&list.at[i].match, &like->match))
			return &list.at[i];
	return NULL;
}

static void add(bool soft)
{
	struct entry e = {.match = random_match(soft),
		.cookie = ++cookies,
		.priority = (uint16_t)(rng() % 20)};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, e.priority);
	struct program p = {0};
	struct entry *old = find(&e);

	if (list.n == MAX && !old)
		return;
	if (soft)
		random_clauses(&e);
	for (unsigned i = 0; i < e.clauses; i++)
		conjoin(&p, &e.clause[i]);
	if (!soft)
		p = program_out(1);
	mod.cookie = e.cookie;
	assert_int_equal(ft_flow_mod(world->sw, &mod, &e.match, &p.instr), WEFT_E_NONE);
	if (!old)
		old = &list.at[list.n++];
	*old = e;
}

static void removal(void)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE_STRICT, 0, 0);
	unsigned i = list.n ? rng() % list.n : 0;

	if (!list.n)
		return;
	mod.priority = list.at[i].priority;
	assert_int_equal(ft_flow_mod(world->sw, &mod, &list.at[i].match, NULL), WEFT_E_NONE);
	list.at[i] = list.at[--list.n];
}

// Returns how many answers were conjunctive.
static unsigned look(void)
{
	unsigned conjunctive = 0;
	struct weft_flow_key key[8];
	const struct weft_flow_key *keys[8];
	const struct ft_rule *rules[8];

	for (unsigned i = 0; i < 8; i++) {
		key[i] = random_key();
		keys[i] = &key[i];
	}
	ft_table_lookup_burst(world->sw, 0, ft_version(world->sw), keys, 8, rules);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t with;
		int want = answer(&key[i], &with);
		struct weft_match m;

		conjunctive += with != 0;
		assert_int_equal(rules[i] ? rules[i]->priority : -1, want);
		if (!rules[i])
			continue;
		assert_false(rules[i]->program->conjunctive);
		ft_rule_match(rules[i], &m);
		assert_int_equal(key[i].conj_id, 0);
		if (weft_match_words(&m) && with)
			key[i].conj_id = htonl(with);
		// Found with another id of the same worth, or without one.
		for (uint32_t id = 0; id <= IDS && !oracle_matches(&m, &key[i]); id++)
			key[i].conj_id = htonl(id);
		assert_true(oracle_matches(&m, &key[i]));
	}
	return conjunctive;
}

static void random_rules(void **state)
{
	unsigned answers = 0;

	for (unsigned round = 0; round < 3000; round++) {
		static struct list before;

		before = list;
		world->deferred = rng() % 2;
		assert_true(ft_txn_begin(world->sw));
		for (unsigned i = rng() % 6; i--;)
			rng() % 3 ? add(rng() % 4 != 0) : removal();
		if (rng() % 5) {
			ft_txn_commit(world->sw);
		} else {
			ft_txn_abort(world->sw);
			list = before;
		}
		answers += look();
		if (rng() % 2)
			world_drain(world);
	}
	assert_true(answers > 100); // else this test says little
}

static enum weft_error try(const struct program *p, const struct weft_match *m)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);

	return ft_flow_mod(world->sw, &mod, m, &p->instr);
}

static void only_conjunctions(void **state)
{
	static const struct weft_match all;
	struct program p = {0}, with_output, with_goto, written = {0};

	conjoin(&p, &(struct clause){1, 0, 2});
	conjoin(&p, &(struct clause){2, 1, 64});
	assert_int_equal(try(&p, &all), WEFT_E_NONE);
	with_output = with_goto = p;
	program_add(&with_output, false, WEFT_ACTION_OUTPUT, 1);
	assert_int_equal(try(&with_output, &all), WEFT_E_CONJUNCTION);
	with_goto.instr.flags |= WEFT_INSTR_GOTO;
	with_goto.instr.goto_table = 1;
	assert_int_equal(try(&with_goto, &all), WEFT_E_CONJUNCTION);
	conjoin(&p, &(struct clause){1, 2, 2});
	assert_int_equal(try(&p, &all), WEFT_E_CONJUNCTION);
	p = (struct program){0};
	conjoin(&p, &(struct clause){1, 0, 1});
	assert_int_equal(try(&p, &all), WEFT_E_CONJUNCTION);
	p = (struct program){0};
	conjoin(&p, &(struct clause){1, 0, 65});
	assert_int_equal(try(&p, &all), WEFT_E_CONJUNCTION);
	program_add(&written, true, WEFT_ACTION_CONJUNCTION, 1);
	assert_int_equal(try(&written, &all), WEFT_E_CONJUNCTION);
}

// Masks are what a lookup pays for: so many and no more. A modify counts like an add.
static void bounded_masks(void **state)
{
	struct weft_flow_mod modify = flow_mod_of(WEFT_FLOW_MODIFY, 0, 0);
	static const struct weft_match all;
	struct program p = {0}, out = program_out(1);
	struct weft_match m;
	unsigned n = 0;

	ft_switch_set_limits(world->sw, &(struct ft_limits){10000, 1, 1, 1});
	conjoin(&p, &(struct clause){1, 0, 2});
	for (;; n++) {
		struct pattern pattern = {0};
		enum weft_error e;

		pattern_masked(&pattern, WEFT_FIELD_METADATA, 0, n + 1);
		m = pattern_match(&pattern);
		e = try(&p, &m);
		if (e) {
			assert_int_equal(e, WEFT_E_TABLE_FULL);
			break;
		}
	}
	assert_int_equal(n, FT_CONJ_SHAPES);
	assert_int_equal(try(&out, &m), WEFT_E_NONE);
	assert_int_equal(ft_flow_mod(world->sw, &modify, &all, &p.instr), WEFT_E_TABLE_FULL);
	assert_int_equal(ft_flow_mod(world->sw, &modify, &all, &out.instr), WEFT_E_NONE);
	assert_int_equal(ft_flow_mod(world->sw, &modify, &m, &p.instr), WEFT_E_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(only_conjunctions, setup, teardown),
		cmocka_unit_test_setup_teardown(bounded_masks, setup, teardown),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
