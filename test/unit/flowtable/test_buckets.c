// SPDX-License-Identifier: Apache-2.0
// Single buckets of groups: random inserts and removals against a plain list, with the counters
// that each bucket must keep, in transactions that commit or abort.

#include "world.h"

#define MAX 40u

struct item {
	uint32_t id;
	uint64_t packets;
	unsigned serial; // one that comes again under its number is another
};

struct list {
	struct item at[MAX];
	unsigned n;
};

static struct world *world;

static int setup(void **state)
{
	world = world_new(2, 100);
	return 0;
}

static int teardown(void **state)
{
	world_free(world);
	return 0;
}

static enum weft_error change(uint8_t command, uint32_t bucket, const uint32_t *ids, unsigned n)
{
	struct weft_group_mod mod = {.group = 1,
		.command = command,
		.type = WEFT_GROUP_TYPE_SELECT,
		.bucket_count = (uint16_t)n,
		.bucket = bucket};
	struct weft_bucket buckets[MAX] = {0};

	for (unsigned i = 0; i < n; i++)
		buckets[i] = (struct weft_bucket){.bucket_id = ids[i],
			.watch_port = WEFT_OFPORT_ANY,
			.watch_group = WEFT_GROUP_ANY,
			.weight = 1};
	return ft_group_mod(world->sw, &mod, buckets, n * sizeof(buckets[0]));
}

static void saw(void *arg, const struct weft_group_stats *s, const void *buckets,
	const struct weft_bucket_counters *c)
{
	const struct weft_bucket *b = buckets;
	struct list *l = arg;

	l->n = s->group.bucket_count;
	for (unsigned i = 0; i < l->n; i++)
		l->at[i] = (struct item){b[i].bucket_id, c[i].packets, 0};
}

static void same(const struct list *want)
{
	struct list got = {0};

	assert_int_equal(ft_groups(world->sw, 1, saw, &got), WEFT_E_NONE);
	assert_int_equal(got.n, want->n);
	for (unsigned i = 0; i < got.n; i++) {
		assert_int_equal(got.at[i].id, want->at[i].id);
		assert_int_equal(got.at[i].packets, want->at[i].packets);
	}
}

static unsigned find(const struct list *l, uint32_t id)
{
	unsigned i = 0;

	if (id == WEFT_BUCKET_FIRST)
		return 0;
	if (id == WEFT_BUCKET_LAST)
		return l->n ? l->n - 1 : 0;
	while (i < l->n && l->at[i].id != id)
		i++;
	return i;
}

static uint32_t any_id(void)
{
	unsigned r = rng() % 12;

	if (r > 1)
		return rng() % 30;
	return r ? WEFT_BUCKET_FIRST : WEFT_BUCKET_LAST;
}

static void put(struct list *l, unsigned at, uint32_t id)
{
	static unsigned serial;

	memmove(&l->at[at + 1], &l->at[at], (l->n - at) * sizeof(l->at[0]));
	l->at[at] = (struct item){id, 0, ++serial};
	l->n++;
}

static void insert(struct list *l)
{
	uint32_t where = any_id(), ids[2] = {rng() % 30, rng() % 30};
	unsigned n = 1 + rng() % 2, at = find(l, where);
	bool named = where <= WEFT_BUCKET_MAX;
	enum weft_error want = WEFT_E_NONE;

	if (l->n + n > MAX)
		return;
	if (find(l, ids[0]) < l->n || (n == 2 && find(l, ids[1]) < l->n))
		want = WEFT_E_GROUP_BUCKET_EXISTS;
	else if (named && at == l->n)
		want = WEFT_E_GROUP_BUCKET_UNKNOWN;
	else if (n == 2 && ids[0] == ids[1])
		want = WEFT_E_GROUP_BUCKET_EXISTS;
	assert_int_equal(change(WEFT_GROUP_INSERT_BUCKET, where, ids, n), want);
	if (want)
		return;
	at = where == WEFT_BUCKET_FIRST ? 0 : l->n ? at + 1 : 0;
	for (unsigned i = 0; i < n; i++)
		put(l, at + i, ids[i]);
}

static void removal(struct list *l)
{
	uint32_t which = rng() % 40 ? any_id() : WEFT_BUCKET_ALL;
	unsigned at = find(l, which);
	enum weft_error e = change(WEFT_GROUP_REMOVE_BUCKET, which, NULL, 0);

	if (which == WEFT_BUCKET_ALL) {
		assert_int_equal(e, WEFT_E_NONE);
		l->n = 0;
		return;
	}
	assert_int_equal(e, at < l->n ? WEFT_E_NONE : WEFT_E_GROUP_BUCKET_UNKNOWN);
	if (e)
		return;
	l->n--;
	memmove(&l->at[at], &l->at[at + 1], (l->n - at) * sizeof(l->at[0]));
}

// Packets at this version, which has the buckets of `seen`, as workers count them.
static void count(struct list *l, const struct list *seen, uint64_t version)
{
	const struct ft_group *g = ft_group_find(world->sw, 1, version);

	assert_int_equal(g->bucket_count, seen->n);
	for (unsigned i = seen->n ? rng() % 4 : 0; i--;) {
		unsigned at = rng() % seen->n, in = find(l, seen->at[at].id);

		ft_bucket_count(g, at, rng() % 2, 100);
		if (in < l->n && l->at[in].serial == seen->at[at].serial)
			l->at[in].packets++;
	}
}

static void random_changes(void **state)
{
	struct list list = {0};

	assert_int_equal(
		change(WEFT_GROUP_INSERT_BUCKET, WEFT_BUCKET_LAST, NULL, 0), WEFT_E_GROUP_UNKNOWN);
	assert_int_equal(change(WEFT_GROUP_ADD, 0, NULL, 0), WEFT_E_NONE);
	for (unsigned round = 0; round < 3000; round++) {
		struct list before = list;
		uint64_t version = ft_version(world->sw);

		world->deferred = rng() % 2;
		assert_true(ft_txn_begin(world->sw));
		for (unsigned i = rng() % 4; i--;)
			rng() % 2 ? insert(&list) : removal(&list);
		if (rng() % 4) {
			ft_txn_commit(world->sw);
		} else {
			ft_txn_abort(world->sw);
			list = before;
		}
		// Workers that have not looked since still count at the old version.
		if (world->deferred)
			count(&list, &before, version);
		world_drain(world);
		world->deferred = false;
		count(&list, &list, ft_version(world->sw));
		same(&list);
	}
}

static void bounds(void **state)
{
	uint32_t ids[2] = {7, 7}, big = WEFT_BUCKET_MAX + 1;
	struct weft_group_mod mod = {.group = 2, .type = WEFT_GROUP_TYPE_ALL, .select = 1};
	uint64_t mask = 0;

	assert_int_equal(change(WEFT_GROUP_ADD, 0, ids, 2), WEFT_E_GROUP_BUCKET_EXISTS);
	assert_int_equal(change(WEFT_GROUP_ADD, 0, &big, 1), WEFT_E_GROUP_BUCKET);
	assert_int_equal(change(WEFT_GROUP_ADD_OR_MODIFY, 0, ids, 1), WEFT_E_NONE);
	assert_int_equal(change(WEFT_GROUP_ADD_OR_MODIFY, 0, NULL, 0), WEFT_E_NONE);
	assert_int_equal(
		change(WEFT_GROUP_INSERT_BUCKET, WEFT_BUCKET_ALL, ids, 1), WEFT_E_GROUP_BUCKET);
	assert_int_equal(
		change(WEFT_GROUP_INSERT_BUCKET, WEFT_BUCKET_LAST, &big, 1), WEFT_E_GROUP_BUCKET);
	assert_int_equal(change(WEFT_GROUP_REMOVE_BUCKET, WEFT_BUCKET_FIRST, NULL, 0),
		WEFT_E_GROUP_BUCKET_UNKNOWN);
	assert_int_equal(ft_group_mod(world->sw, &mod, NULL, 0), WEFT_E_GROUP_INVALID);
	mod.type = WEFT_GROUP_TYPE_SELECT;
	mod.select = WEFT_SELECT_MAX;
	assert_int_equal(ft_group_mod(world->sw, &mod, NULL, 0), WEFT_E_GROUP_INVALID);
	mod.select = WEFT_SELECT_HASH;
	mod.hash_map = 1;
	assert_int_equal(ft_group_mod(world->sw, &mod, NULL, 0), WEFT_E_MALFORMED);
	assert_int_equal(ft_group_mod(world->sw, &mod, &mask, 8), WEFT_E_GROUP_INVALID);
	mask = 0xff;
	assert_int_equal(ft_group_mod(world->sw, &mod, &mask, 8), WEFT_E_NONE);
	mod.command = WEFT_GROUP_MODIFY;
	mod.select = WEFT_SELECT_DP_HASH;
	assert_int_equal(ft_group_mod(world->sw, &mod, &mask, 8), WEFT_E_GROUP_INVALID);
}

// A group grows to what a dump can tell of it and no further.
static void too_big(void **state)
{
	struct weft_group_mod mod = {.group = 1,
		.command = WEFT_GROUP_INSERT_BUCKET,
		.type = WEFT_GROUP_TYPE_SELECT,
		.bucket_count = 1,
		.bucket = WEFT_BUCKET_LAST};
	struct weft_bucket *b = calloc(1, 60000);
	enum weft_error e = WEFT_E_NONE;
	unsigned n = 0;

	*b = (struct weft_bucket){.watch_port = WEFT_OFPORT_ANY,
		.watch_group = WEFT_GROUP_ANY,
		.weight = 1,
		.actions_len = 16 * 1000};
	for (unsigned i = 0; i < 1000; i++) {
		struct weft_action *a = (void *)((char *)(b + 1) + 16 * i);

		*a = (struct weft_action){WEFT_ACTION_OUTPUT, 16, 1};
	}
	assert_int_equal(change(WEFT_GROUP_ADD, 0, NULL, 0), WEFT_E_NONE);
	for (; !e && n < 100; n++) {
		b->bucket_id = n;
		e = ft_group_mod(world->sw, &mod, b, sizeof(*b) + b->actions_len);
	}
	assert_int_equal(e, WEFT_E_GROUP_BUCKETS);
	assert_int_equal(n, WEFT_IPC_MAX_LEN / 16032 + 1);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(too_big, setup, teardown),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
