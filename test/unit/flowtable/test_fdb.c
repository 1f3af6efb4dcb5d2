// SPDX-License-Identifier: Apache-2.0
// The FDB against a plain array, and its readers while it changes.

#include "flowtable/fdb.h"

#include "world.h"

#include <pthread.h>
#include <sched.h>

enum {
	N = 300,
	VLANS = 3,
	LIMIT = 200
};

struct ref_entry {
	bool there;
	struct weft_ipc_fdb f;
	uint64_t last_s;
};

struct ref_fdb {
	struct ref_entry e[N][VLANS];
	unsigned n;
};

static struct weft_ip random_vtep(void)
{
	return weft_ip_from_v4(rng() % 5 + 1);
}

static struct weft_ipc_fdb random_entry(unsigned *mac, unsigned *vlan)
{
	struct weft_ipc_fdb f = {.flags = rng() % 4 ? 0 : WEFT_FDB_STATIC};

	*mac = rng() % N;
	*vlan = rng() % VLANS;
	f.mac = (struct weft_mac){{2, 0, 0, 0, (uint8_t)(*mac >> 8), (uint8_t)*mac}};
	f.vlan = (uint16_t)*vlan;
	f.ofport = rng() % 3 ? rng() % 4 + 1 : WEFT_OFPORT_OVERLAY;
	if (f.ofport == WEFT_OFPORT_OVERLAY)
		f.vtep = random_vtep();
	return f;
}

static struct world *fdb_world(void)
{
	struct world *w = world_new(2, 10);
	struct ft_limits limits = {10, 10, 10, LIMIT};

	ft_switch_set_limits(w->sw, &limits);
	for (uint32_t p = 1; p <= 4; p++)
		assert_int_equal(ft_port_set(w->sw, &(struct ft_port){p, 0, true}), 0);
	w->deferred = true;
	return w;
}

static uint64_t oldest_learned(const struct ref_fdb *r)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned m = 0; m < N; m++)
		for (unsigned v = 0; v < VLANS; v++) {
			const struct ref_entry *e = &r->e[m][v];
			if (e->there && !(e->f.flags & WEFT_FDB_STATIC) && e->last_s < oldest)
				oldest = e->last_s;
		}
	return oldest;
}

// A static entry took the place of a learned one: exactly one is gone, and none was older.
static void evicted(struct world *w, struct ref_fdb *r)
{
	uint64_t oldest = oldest_learned(r);
	unsigned gone = 0;

	for (unsigned m = 0; m < N; m++)
		for (unsigned v = 0; v < VLANS; v++) {
			struct ref_entry *e = &r->e[m][v];
			if (!e->there || ft_fdb_find(w->sw->fdb, &e->f.mac, e->f.vlan))
				continue;
			assert_false(e->f.flags & WEFT_FDB_STATIC);
			assert_true(e->last_s == oldest);
			e->there = false;
			gone++;
		}
	assert_int_equal(gone, 1);
	r->n--;
}

// Learned entries go with their port or VTEP, and no others.
static void flush_one(struct world *w, struct ref_fdb *r)
{
	uint32_t port = rng() % 5 ? rng() % 4 + 1 : WEFT_OFPORT_OVERLAY;
	struct weft_ip vtep = random_vtep();

	if (port == WEFT_OFPORT_OVERLAY) {
		ft_fdb_flush_vtep(w->sw, &vtep);
	} else {
		ft_port_del(w->sw, port);
		assert_int_equal(ft_port_set(w->sw, &(struct ft_port){port, 0, true}), 0);
	}
	for (unsigned m = 0; m < N; m++)
		for (unsigned v = 0; v < VLANS; v++) {
			struct ref_entry *e = &r->e[m][v];
			if (!e->there || (e->f.flags & WEFT_FDB_STATIC) || e->f.ofport != port)
				continue;
			if (port == WEFT_OFPORT_OVERLAY && !weft_ip_equal(&e->f.vtep, &vtep))
				continue;
			e->there = false;
			r->n--;
		}
}

static void add(struct world *w, struct ref_fdb *r)
{
	unsigned mac, vlan;
	struct weft_ipc_fdb f = random_entry(&mac, &vlan);
	struct ref_entry *e = &r->e[mac][vlan];
	enum weft_error want = WEFT_E_NONE;

	if (e->there && (e->f.flags & WEFT_FDB_STATIC) && !(f.flags & WEFT_FDB_STATIC))
		want = WEFT_E_EXISTS;
	else if (!e->there && r->n == LIMIT && !(f.flags & WEFT_FDB_STATIC))
		want = WEFT_E_TABLE_FULL;
	else if (!e->there && r->n == LIMIT)
		want = oldest_learned(r) == UINT64_MAX ? WEFT_E_TABLE_FULL : WEFT_E_NONE;
	assert_int_equal(ft_fdb_add(w->sw, &f), want);
	if (want)
		return;
	if (!e->there && r->n == LIMIT)
		evicted(w, r);
	r->n += !e->there;
	*e = (struct ref_entry){true, f, w->now / SECOND};
}

static void del(struct world *w, struct ref_fdb *r)
{
	unsigned mac, vlan;
	struct weft_ipc_fdb f = random_entry(&mac, &vlan);
	struct ref_entry *e = &r->e[mac][vlan];

	assert_int_equal(
		ft_fdb_del(w->sw, &f.mac, f.vlan), e->there ? WEFT_E_NONE : WEFT_E_NOT_FOUND);
	r->n -= e->there;
	e->there = false;
}

static void touch(struct world *w, struct ref_fdb *r)
{
	unsigned mac, vlan;
	struct weft_ipc_fdb f = random_entry(&mac, &vlan);
	struct ref_entry *e = &r->e[mac][vlan];
	const struct ft_fdb_entry *found = ft_fdb_find(w->sw->fdb, &f.mac, f.vlan);

	assert_int_equal(found != NULL, e->there);
	if (!found)
		return;
	assert_int_equal(found->ofport, e->f.ofport);
	assert_int_equal(found->flags, e->f.flags);
	assert_true(weft_ip_equal(&found->vtep, &e->f.vtep));
	ft_fdb_touch(found, rng() % 2, (uint32_t)(w->now / SECOND));
	e->last_s = w->now / SECOND;
}

// Flushes with max_age 0, as the reference sees it.
static void age(struct world *w, struct ref_fdb *r, uint32_t max_age)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < N * VLANS; i++) {
		struct ref_entry *e = &r->e[i / VLANS][i % VLANS];

		if (!e->there || (e->f.flags & WEFT_FDB_STATIC) ||
			w->now / SECOND - e->last_s < max_age)
			continue;
		e->there = false;
		gone++;
	}
	r->n -= gone;
	if (max_age)
		assert_int_equal(ft_fdb_age(w->sw, max_age), gone);
	else
		ft_fdb_flush(w->sw);
}

struct walk {
	struct world *w;
	struct ref_fdb *r;
	unsigned n;
};

static void on_entry(void *arg, const struct weft_ipc_fdb *f)
{
	struct walk *walk = arg;
	unsigned mac = f->mac.b[4] * 256u + f->mac.b[5];
	const struct ref_entry *e = &walk->r->e[mac][f->vlan];

	assert_true(e->there);
	assert_int_equal(f->ofport, e->f.ofport);
	assert_int_equal(f->flags, e->f.flags);
	assert_true(weft_ip_equal(&f->vtep, &e->f.vtep));
	assert_int_equal(f->age_s, walk->w->now / SECOND - e->last_s);
	walk->n++;
}

// By its name each is found, and is as the walk says.
static void on_id(void *arg, uint64_t id)
{
	struct walk *walk = arg;
	struct weft_ipc_fdb f;

	assert_true(ft_fdb_get_id(walk->w->sw, id, &f));
	assert_int_equal(ft_fdb_id(&f.mac, f.vlan), id);
	on_entry(walk, &f);
}

static void against_an_array(void **state)
{
	static struct ref_fdb r;
	struct weft_ipc_fdb_stats stats;
	struct world *w = fdb_world();

	for (int i = 0; i < 200000; i++) {
		unsigned what = rng() % 1000;
		struct walk walk = {w, &r, 0};

		if (what < 400)
			add(w, &r);
		else if (what < 550)
			del(w, &r);
		else if (what < 980)
			touch(w, &r);
		else if (what < 990)
			w->now += rng() % 20 * SECOND;
		else if (what < 994)
			age(w, &r, rng() % 100 + 1);
		else if (what < 995)
			age(w, &r, 0);
		else if (what < 997)
			flush_one(w, &r);
		else
			world_grace(w);
		if (what >= 980) {
			ft_fdb_walk(w->sw, on_entry, &walk);
			assert_int_equal(walk.n, r.n);
			walk.n = 0;
			ft_fdb_ids(w->sw, on_id, &walk);
			assert_int_equal(walk.n, r.n);
			ft_fdb_stats(w->sw, &stats);
			assert_int_equal(stats.entries, r.n);
		}
	}
	world_free(w);
}

static void bad_input(void **state)
{
	struct world *w = fdb_world();
	struct weft_ipc_fdb ok = {.mac = {{2, 0, 0, 0, 0, 1}}, .ofport = 1}, f;

	f = ok, f.mac.b[0] = 1;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, memset(&f.mac, 0, 6);
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, f.vlan = 4096;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, f.ofport = WEFT_OFPORT_OVERLAY;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, f.vtep = weft_ip_from_v4(1);
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, f.flags = 4;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_MALFORMED);
	f = ok, f.ofport = 99;
	assert_int_equal(ft_fdb_add(w->sw, &f), WEFT_E_NO_PORT);
	assert_int_equal(ft_fdb_add(w->sw, &ok), WEFT_E_NONE);
	assert_int_equal(ft_fdb_age(w->sw, 0), 0); // no ageing
	assert_non_null(ft_fdb_find(w->sw->fdb, &ok.mac, 0));
	world_free(w);
}

// ---- readers and the writer at once (also for the thread sanitizer)

struct reader {
	struct world *w;
	_Atomic uint64_t *quiet; // counts this reader's quiescent states
	_Atomic bool *stop;
	unsigned worker;
	unsigned found;
};

// Entry i is at port i % 4 + 1, always: no reader may see anything else.
static void *read_on(void *arg)
{
	struct reader *r = arg;

	for (unsigned i = r->worker; !atomic_load(r->stop); i = i * 1103515245 + 12345) {
		unsigned n = i >> 16 & 0xff;
		struct weft_mac mac = {{2, 0, 0, 0, 0, (uint8_t)n}};
		const struct ft_fdb_entry *e = ft_fdb_find(r->w->sw->fdb, &mac, 0);

		if (e) {
			if (e->ofport != n % 4 + 1 || e->id != ft_fdb_id(&mac, 0))
				abort();
			ft_fdb_touch(e, r->worker, i >> 8);
			r->found++;
		}
		atomic_fetch_add(r->quiet, 1);
	}
	return NULL;
}

static void readers(void **state)
{
	_Atomic uint64_t quiet[2] = {0};
	_Atomic bool stop = false;
	struct world *w = fdb_world();
	struct reader r[2];
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++) {
		r[i] = (struct reader){w, &quiet[i], &stop, i, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r[i]), 0);
	}
	for (int round = 0; round < 300; round++) {
		uint64_t seen[2] = {atomic_load(&quiet[0]), atomic_load(&quiet[1])};

		for (int i = 0; i < 300; i++) {
			unsigned n = rng() & 0xff;
			struct weft_ipc_fdb f = {.mac = {{2, 0, 0, 0, 0, (uint8_t)n}},
				.ofport = n % 4 + 1,
				.flags = rng() % 2};

			if (rng() % 2)
				ft_fdb_add(w->sw, &f);
			else
				ft_fdb_del(w->sw, &f.mac, 0);
		}
		// Batches that were queued before both readers were quiet.
		while (atomic_load(&quiet[0]) < seen[0] + 2 || atomic_load(&quiet[1]) < seen[1] + 2)
			sched_yield();
		seen[0] = atomic_load(&quiet[0]);
		seen[1] = atomic_load(&quiet[1]);
		while (atomic_load(&quiet[0]) < seen[0] + 2 || atomic_load(&quiet[1]) < seen[1] + 2)
			sched_yield();
		world_grace(w);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_true(r[i].found > 0);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_an_array),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(readers),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
