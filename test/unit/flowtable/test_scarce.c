// SPDX-License-Identifier: Apache-2.0
// Memory that runs out in the midst of any change: rules, groups and meters that name each other,
// in transactions and without, each of their allocations failing in turn. A request that had too
// little memory has changed nothing, and one that had enough does what it does on a twin that never
// wants for any.

#include "world.h"

#include "../oom.h"
#include "digest.h"

enum {
	REQUESTS = 4000,
	TRIES = 500, // allocations of one request; none needs that many
	STEP = 5,    // rules
};

// ---- requests at random

struct request {
	enum {
		FLOW,
		GROUP,
		METER,
		BEGIN,
		COMMIT,
		ABORT
	} kind;
	struct weft_flow_mod flow;
	struct weft_match match;
	struct program program;
	struct weft_group_mod group;
	uint64_t buckets[64];
	size_t buckets_len;
	struct weft_meter_mod meter;
	struct weft_band bands[3];
};

static uint32_t up_to(uint32_t n)
{
	return (uint32_t)(rng() % n);
}

static void some_action(struct program *p, bool write)
{
	switch (up_to(6)) {
	case 0:
		program_add(p, write, WEFT_ACTION_GROUP, 1 + up_to(6));
		break;
	case 1:
		program_add(p, write, WEFT_ACTION_METER, 1 + up_to(4));
		break;
	case 2:
		program_set(p, write, WEFT_FIELD_ETH_SRC, rng());
		break;
	default:
		program_add(p, write, WEFT_ACTION_OUTPUT, 1 + up_to(3));
	}
}

static struct weft_match some_match(void)
{
	struct pattern p = {0};

	if (up_to(2))
		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + up_to(4));
	if (up_to(2)) {
		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
		pattern_masked(&p, WEFT_FIELD_IPV4_DST, up_to(4) << 24,
			up_to(2) ? 0xff000000 : 0xffffffff);
	}
	return pattern_match(&p);
}

static void some_flow_mod(struct request *r)
{
	static const uint8_t commands[] = {WEFT_FLOW_ADD, WEFT_FLOW_ADD, WEFT_FLOW_ADD,
		WEFT_FLOW_MODIFY, WEFT_FLOW_MODIFY_STRICT, WEFT_FLOW_DELETE_STRICT,
		WEFT_FLOW_DELETE};

	r->kind = FLOW;
	r->flow = flow_mod_of(commands[up_to(7)], (uint8_t)up_to(3), (uint16_t)up_to(4));
	r->flow.cookie = up_to(3);
	r->flow.cookie_mask = r->flow.command != WEFT_FLOW_ADD && up_to(2) ? 3 : 0;
	r->flow.idle_timeout = (uint16_t)up_to(2);
	r->flow.flags = up_to(5) ? 0 : WEFT_FLOW_CHECK_OVERLAP;
	r->match = some_match();
	for (uint32_t n = up_to(4); n; n--)
		some_action(&r->program, false);
	if (up_to(3) == 0)
		some_action(&r->program, true);
}

static void some_group_mod(struct request *r)
{
	static const uint8_t commands[] = {WEFT_GROUP_ADD, WEFT_GROUP_ADD, WEFT_GROUP_MODIFY,
		WEFT_GROUP_ADD_OR_MODIFY, WEFT_GROUP_INSERT_BUCKET, WEFT_GROUP_REMOVE_BUCKET,
		WEFT_GROUP_DELETE};
	uint8_t command = commands[up_to(7)];
	bool removes = command == WEFT_GROUP_DELETE || command == WEFT_GROUP_REMOVE_BUCKET;

	r->kind = GROUP;
	r->group = (struct weft_group_mod){
		.group = up_to(30) ? 1 + up_to(6) : WEFT_GROUP_ALL,
		.command = command,
		.type = (uint8_t)up_to(4),
		.bucket = up_to(2) ? up_to(3) : WEFT_BUCKET_LAST,
		.bucket_count = removes ? 0 : (uint16_t)up_to(4),
	};
	for (uint16_t i = 0; i < r->group.bucket_count; i++) {
		struct weft_bucket *b = (void *)((char *)r->buckets + r->buckets_len);
		struct program p = {0};

		some_action(&p, false);
		*b = (struct weft_bucket){i, up_to(2) ? 1 : WEFT_OFPORT_ANY, WEFT_GROUP_ANY,
			r->group.type == WEFT_GROUP_TYPE_SELECT, p.instr.apply_len};
		memcpy(b + 1, p.actions, p.instr.apply_len);
		r->buckets_len += sizeof(*b) + p.instr.apply_len;
	}
}

static void some_meter_mod(struct request *r)
{
	static const uint8_t commands[] = {
		WEFT_METER_ADD, WEFT_METER_ADD, WEFT_METER_MODIFY, WEFT_METER_DELETE};

	r->kind = METER;
	r->meter = (struct weft_meter_mod){
		1 + up_to(4), WEFT_METER_KBPS, commands[up_to(4)], (uint8_t)up_to(4)};
	if (r->meter.command == WEFT_METER_DELETE)
		r->meter.band_count = 0;
	for (unsigned i = 0; i < 3; i++)
		r->bands[i] = (struct weft_band){.rate = 1000 * (i + 1), .type = WEFT_BAND_DROP};
}

static struct request some_request(void)
{
	struct request r = {0};
	uint32_t which = up_to(20);

	if (which < 11)
		some_flow_mod(&r);
	else if (which < 16)
		some_group_mod(&r);
	else if (which < 18)
		some_meter_mod(&r);
	else
		r.kind = which == 18 ? BEGIN : up_to(3) ? COMMIT : ABORT;
	return r;
}

// Within a transaction, what is about many rules goes in steps.
static enum weft_error run_flow_mod(struct ft_switch *sw, const struct request *r)
{
	struct ft_flow_steps steps = {0};
	enum weft_error error;

	while (ft_flow_mod_some(sw, &r->flow, &r->match, &r->program.instr, STEP, &steps, &error))
		;
	return error;
}

static enum weft_error run(struct world *w, const struct request *r)
{
	bool open = w->sw->txn;

	switch (r->kind) {
	case FLOW:
		return run_flow_mod(w->sw, r);
	case GROUP:
		return ft_group_mod(w->sw, &r->group, r->buckets, r->buckets_len);
	case METER:
		return ft_meter_mod(w->sw, &r->meter, r->bands);
	case BEGIN:
		return open || ft_txn_begin(w->sw) ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
	case COMMIT:
		if (open)
			ft_txn_commit(w->sw);
		return WEFT_E_NONE;
	default:
		if (open)
			ft_txn_abort(w->sw);
		return WEFT_E_NONE;
	}
}

// ---- the test

// With each allocation failing in turn until it has enough; how often it had not.
static unsigned scarcely(struct world *w, const struct request *r, enum weft_error *error)
{
	for (unsigned left = 0; left < TRIES; left++) {
		bool open = w->sw->txn;
		uint64_t before = digest_of(w->sw);
		uint32_t rules = w->sw->rules;

		allocations_left = left;
		*error = run(w, r);
		allocations_left = -1;
		if (*error != WEFT_E_NO_MEMORY)
			return left;
		assert_true(digest_of(w->sw) == before);
		assert_int_equal(w->sw->rules, rules);
		assert_int_equal(!!w->sw->txn, open);
	}
	fail_msg("request of kind %d never had enough", r->kind);
	return 0;
}

static void nothing_by_halves(void **state)
{
	struct world *w = world_new(2, 60), *twin = world_new(2, 60);
	unsigned refused = 0, done = 0;
	enum weft_error error;

	for (unsigned i = 0; i < REQUESTS; i++) {
		struct request r = some_request();

		refused += scarcely(w, &r, &error);
		assert_int_equal(run(twin, &r), error);
		done += !error;
		assert_int_equal(w->sw->rules, twin->sw->rules);
		if (!w->sw->txn)
			assert_true(digest_of(w->sw) == digest_of(twin->sw));
	}
	assert_true(done > REQUESTS / 3 && refused > REQUESTS);
	world_free(w);
	world_free(twin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_by_halves),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
