// SPDX-License-Identifier: Apache-2.0
// What learning refuses, counts and holds, against a plain account of it.

#include "flowtable/fdb.h"

#include "world.h"

enum {
	MACS = 12,
	PORTS = 4,
	LIMIT = 9,
	PER_PORT = 3,
	MOST = 3,
	WITHIN = 20,
	HOLD = 30
};

struct account {
	uint32_t at; // 0: not known
	bool is_static;
	uint32_t total, n;
	uint64_t since, held_until; // held_until 0: not held
};

struct books {
	struct account mac[MACS];
	struct weft_ipc_fdb_stats stats;
};

static struct world *learning_world(void)
{
	struct world *w = world_new(1, 10);
	struct ft_limits limits = {.max_fdb = LIMIT, .moves = {MOST, WITHIN, HOLD}};

	ft_switch_set_limits(w->sw, &limits);
	for (uint32_t p = 1; p <= PORTS; p++)
		assert_int_equal(ft_port_set(w->sw,
					 &(struct ft_port){p, 0, true, p == PORTS ? PER_PORT : 0}),
			0);
	return w;
}

static unsigned known(const struct books *b, uint32_t port)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MACS; i++)
		n += b->mac[i].at && (!port || (b->mac[i].at == port && !b->mac[i].is_static));
	return n;
}

static struct weft_ipc_fdb entry_of(unsigned mac, uint32_t port)
{
	return (struct weft_ipc_fdb){.mac = {{2, 0, 0, 0, 0, (uint8_t)mac}}, .ofport = port};
}

// As ft_fdb_add() of a learned address should see it.
static enum weft_error account_learn(struct books *b, unsigned mac, uint32_t port, uint64_t now)
{
	struct account *a = &b->mac[mac];

	if (a->at == port && !a->is_static)
		return WEFT_E_NONE;
	if (a->at && (a->is_static || a->held_until))
		return WEFT_E_EXISTS;
	if (port == PORTS && known(b, PORTS) >= PER_PORT) {
		b->stats.over_port++;
		return WEFT_E_TABLE_FULL;
	}
	if (!a->at && known(b, 0) >= LIMIT) {
		b->stats.over_tenant++;
		return WEFT_E_TABLE_FULL;
	}
	if (!a->at) {
		*a = (struct account){.at = port};
		return WEFT_E_NONE;
	}
	b->stats.moves++;
	a->total++;
	if (!a->n || now - a->since >= WITHIN) {
		a->n = 0;
		a->since = now;
	}
	if (++a->n > MOST) {
		a->n = 0;
		a->held_until = now + HOLD;
		b->stats.held++;
		return WEFT_E_EXISTS;
	}
	a->at = port;
	return WEFT_E_NONE;
}

static void same(struct world *w, const struct books *b)
{
	struct weft_ipc_fdb_stats s;
	unsigned held = 0;

	for (unsigned i = 0; i < MACS; i++) {
		struct weft_ipc_fdb f = entry_of(i, 0);
		const struct ft_fdb_entry *e = ft_fdb_find(w->sw->fdb, &f.mac, 0);
		const struct account *a = &b->mac[i];

		assert_int_equal(e ? e->ofport : 0, a->at);
		assert_int_equal(e && e->flags & WEFT_FDB_HELD, a->at && a->held_until);
		assert_int_equal(ft_fdb_knows(w->sw, &f.mac, 0), a->at != 0);
		if (e)
			assert_int_equal(e->moves.total, a->total);
		held += a->at && a->held_until;
	}
	ft_fdb_stats(w->sw, &s);
	assert_int_equal(s.moves, b->stats.moves);
	assert_int_equal(s.held, b->stats.held);
	assert_int_equal(s.over_port, b->stats.over_port);
	assert_int_equal(s.over_tenant, b->stats.over_tenant);
	assert_int_equal(s.entries, known(b, 0));
	assert_int_equal(s.held_now, held);
}

static void del(struct world *w, struct books *b, unsigned mac)
{
	struct weft_ipc_fdb f = entry_of(mac, 0);

	assert_int_equal(
		ft_fdb_del(w->sw, &f.mac, 0), b->mac[mac].at ? WEFT_E_NONE : WEFT_E_NOT_FOUND);
	b->mac[mac] = (struct account){0};
}

static void make_static(struct world *w, struct books *b, unsigned mac, uint32_t port)
{
	struct weft_ipc_fdb f = entry_of(mac, port);

	if (!b->mac[mac].at && known(b, 0) >= LIMIT)
		return; // which one gives way is told by test_fdb.c
	f.flags = WEFT_FDB_STATIC;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_NONE);
	if (!b->mac[mac].is_static || b->mac[mac].at != port)
		b->mac[mac].held_until = 0;
	b->mac[mac].at = port;
	b->mac[mac].is_static = true;
}

static void release(struct world *w, struct books *b, uint64_t now)
{
	ft_fdb_release(w->sw);
	for (unsigned i = 0; i < MACS; i++)
		if (b->mac[i].held_until && now >= b->mac[i].held_until)
			b->mac[i].held_until = 0;
}

static void against_an_account(void **state)
{
	struct books b = {0};
	struct world *w = learning_world();

	for (int i = 0; i < 200000; i++) {
		unsigned what = rng() % 100, mac = rng() % MACS;
		uint32_t port = rng() % PORTS + 1;
		struct weft_ipc_fdb f = entry_of(mac, port);
		uint64_t now = w->now / SECOND;

		if (what < 80)
			assert_int_equal(ft_fdb_add(w->sw, &f), account_learn(&b, mac, port, now));
		else if (what < 84)
			del(w, &b, mac);
		else if (what < 85)
			make_static(w, &b, mac, port);
		else if (what < 92)
			release(w, &b, now);
		else
			w->now += rng() % 8 * SECOND;
		same(w, &b);
	}
	assert_true(b.stats.held > 100 && b.stats.over_port > 100 && b.stats.over_tenant > 100);
	world_free(w);
}

static void a_lowered_limit_keeps_what_is_there(void **state)
{
	struct world *w = learning_world();
	struct weft_ipc_fdb f;

	for (unsigned i = 0; i < 3; i++) {
		f = entry_of(i, 1);
		assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_NONE);
	}
	assert_int_equal(ft_port_set(w->sw, &(struct ft_port){1, 0, true, 2}), 0);
	f = entry_of(0, 1);
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_NONE); // known, and renewed
	f = entry_of(7, 1);
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_TABLE_FULL);
	ft_fdb_flush_port(w->sw, 1);
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_NONE);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_an_account),
		cmocka_unit_test(a_lowered_limit_keeps_what_is_there),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
