// SPDX-License-Identifier: Apache-2.0
#include "flowtable/fdb.h"

#include "flowtable/hash.h"
#include "flowtable/lines.h"

// ---- memory: entries in slabs, with the workers' stamps beside them; given back at the end only

struct slab {
	struct slab *next;
	_Atomic uint32_t *stamps; // workers * FT_FDB_SLAB
	struct ft_fdb_entry entry[FT_FDB_SLAB];
};

struct array {
	struct ft_garbage garbage;
	uint32_t mask; // slots - 1
	uint32_t used; // slots that are not NULL
	_Atomic(struct ft_fdb_entry *) slot[];
};

struct conflicts {
	_Atomic uint64_t n;
	char pad[56];
};
static_assert(sizeof(struct conflicts) == 64, "no line is shared by workers");

struct ft_fdb {
	_Atomic(struct array *) array; // never NULL
	uint64_t seed;
	// the writer's
	unsigned workers;
	uint32_t live;
	uint32_t held; // of those
	struct slab *slabs;
	struct ft_fdb_entry *free;
	struct weft_ipc_fdb_stats stats; // what the writer counts
	struct conflicts *conflicts;     // one a worker
};

#define GONE ((struct ft_fdb_entry *)1) // was used: probing goes on
#define MIN_SLOTS 8u

static struct array *array_new(uint32_t slots)
{
	struct array *a = ft_alloc_lines(sizeof(*a) + slots * sizeof(a->slot[0]));

	if (a)
		a->mask = slots - 1;
	return a;
}

static bool slab_add(struct ft_fdb *fdb)
{
	struct slab *slab = ft_alloc_lines(sizeof(*slab));
	size_t stamps = fdb->workers * FT_FDB_SLAB * sizeof(slab->stamps[0]);

	if (!slab)
		return false;
	slab->stamps = ft_alloc_lines(stamps);
	if (!slab->stamps) {
		free(slab);
		return false;
	}
	for (unsigned i = 0; i < FT_FDB_SLAB; i++) {
		slab->entry[i].used_s = slab->stamps + i;
		slab->entry[i].next_free = fdb->free;
		fdb->free = &slab->entry[i];
	}
	slab->next = fdb->slabs;
	fdb->slabs = slab;
	return true;
}

static struct ft_fdb_entry *entry_new(struct ft_fdb *fdb)
{
	struct ft_fdb_entry *e;

	if (!fdb->free && !slab_add(fdb))
		return NULL;
	e = fdb->free;
	fdb->free = e->next_free;
	for (unsigned w = 0; w < fdb->workers; w++)
		atomic_store_explicit(e->used_s + w * FT_FDB_SLAB, 0, memory_order_relaxed);
	return e;
}

static void entry_garbage(struct ft_garbage *g)
{
	struct ft_fdb_entry *e = (struct ft_fdb_entry *)g; // the first member
	struct ft_fdb *fdb = g->sw->fdb;

	e->next_free = fdb->free;
	fdb->free = e;
}

static void array_garbage(struct ft_garbage *g)
{
	free(g); // the first member
}

struct ft_fdb *ft_fdb_new(struct ft_switch *sw)
{
	struct ft_fdb *fdb = ft_alloc_lines(sizeof(*fdb));
	struct array *a = array_new(MIN_SLOTS);

	if (fdb)
		fdb->conflicts = ft_alloc_lines(sw->env.workers * sizeof(*fdb->conflicts));
	if (!fdb || !a || !fdb->conflicts) {
		if (fdb)
			free(fdb->conflicts);
		free(fdb);
		free(a);
		return NULL;
	}
	fdb->seed = ft_hash_end(sw->env.seed ^ 0xfdb);
	fdb->workers = sw->env.workers;
	atomic_init(&fdb->array, a);
	return fdb;
}

void ft_fdb_destroy(struct ft_fdb *fdb)
{
	for (struct slab *s = fdb->slabs, *next; s; s = next) {
		next = s->next;
		free(s->stamps);
		free(s);
	}
	free(atomic_load_explicit(&fdb->array, memory_order_relaxed));
	free(fdb->conflicts);
	free(fdb);
}

// ---- the array

static uint32_t hash_id(const struct ft_fdb *fdb, uint64_t id)
{
	return (uint32_t)ft_hash_bytes(&id, 8, fdb->seed);
}

static struct ft_fdb_entry *slot_entry(const struct array *a, uint32_t i)
{
	return atomic_load_explicit(&a->slot[i], memory_order_acquire);
}

// Writer: the slot of the id, or the free one where it would go.
static uint32_t probe(const struct ft_fdb *fdb, const struct array *a, uint64_t id)
{
	uint32_t i = hash_id(fdb, id) & a->mask;
	const struct ft_fdb_entry *e;

	while ((e = slot_entry(a, i)) && (e == GONE || e->id != id))
		i = (i + 1) & a->mask;
	return i;
}

const struct ft_fdb_entry *ft_fdb_find(
	const struct ft_fdb *fdb, const struct weft_mac *mac, uint16_t vlan)
{
	const struct array *a = atomic_load_explicit(&fdb->array, memory_order_acquire);
	uint64_t id = ft_fdb_id(mac, vlan);
	const struct ft_fdb_entry *e;

	// Each slot is read once: it may change at any time.
	for (uint32_t i = hash_id(fdb, id);; i++) {
		e = slot_entry(a, i & a->mask);
		if (!e || (e != GONE && e->id == id))
			return e;
	}
}

bool ft_fdb_knows(const struct ft_switch *sw, const struct weft_mac *mac, uint16_t vlan)
{
	return ft_fdb_find(sw->fdb, mac, vlan);
}

void ft_fdb_conflict(struct ft_fdb *fdb, unsigned worker)
{
	_Atomic uint64_t *n = &fdb->conflicts[worker].n;

	atomic_store_explicit(
		n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
}

static struct array *writer_array(const struct ft_fdb *fdb)
{
	return atomic_load_explicit(&fdb->array, memory_order_relaxed);
}

// Room for one more, with at most half of the slots used.
static bool array_reserve(struct ft_switch *sw)
{
	struct ft_fdb *fdb = sw->fdb;
	struct array *old = writer_array(fdb), *a;
	uint32_t slots = MIN_SLOTS;

	if ((old->used + 1) * 2 <= old->mask + 1)
		return true;
	while (slots < (fdb->live + 1) * 4)
		slots *= 2;
	a = array_new(slots);
	if (!a)
		return false;
	for (uint32_t i = 0; i <= old->mask; i++) {
		struct ft_fdb_entry *e = slot_entry(old, i);
		if (!e || e == GONE)
			continue;
		atomic_init(&a->slot[probe(fdb, a, e->id)], e);
		a->used++;
	}
	atomic_store_explicit(&fdb->array, a, memory_order_release);
	ft_garbage_add(&sw->garbage, &old->garbage, array_garbage);
	return true;
}

// Of what was learned at a port. An entry whose port has gone counts for nobody.
static void count_learned(struct ft_switch *sw, const struct ft_fdb_entry *e, int by)
{
	struct ft_port_entry *p = ft_port_of_writer(sw, e->ofport);

	if (e->flags & WEFT_FDB_HELD)
		sw->fdb->held += (uint32_t)by;
	if (p && !(e->flags & WEFT_FDB_STATIC))
		p->learned += (uint32_t)by;
}

static void slot_clear(struct ft_switch *sw, uint32_t i)
{
	struct array *a = writer_array(sw->fdb);
	struct ft_fdb_entry *e = slot_entry(a, i);

	count_learned(sw, e, -1);
	atomic_store_explicit(&a->slot[i], GONE, memory_order_relaxed);
	ft_fdb_changed(sw);
	sw->fdb->live--;
	ft_garbage_add(&sw->garbage, &e->garbage, entry_garbage);
}

// ---- changes

static uint32_t now_s(const struct ft_switch *sw)
{
	return (uint32_t)(sw->env.now_ns(sw->env.ctx) / 1000000000u);
}

static enum weft_error check(const struct ft_switch *sw, const struct weft_ipc_fdb *f)
{
	static const struct weft_mac none;

	if (weft_mac_is_multicast(&f->mac) || weft_mac_equal(&f->mac, &none) || f->vlan > 4095 ||
		(f->flags & ~(WEFT_FDB_STATIC | WEFT_FDB_CONFIG)))
		return WEFT_E_MALFORMED;
	if (f->ofport == WEFT_OFPORT_OVERLAY)
		return weft_ip_is_none(&f->vtep) ? WEFT_E_MALFORMED : WEFT_E_NONE;
	if (!weft_ip_is_none(&f->vtep))
		return WEFT_E_MALFORMED;
	return ft_port_find(sw, f->ofport) ? WEFT_E_NONE : WEFT_E_NO_PORT;
}

static void entry_fill(struct ft_fdb_entry *e, const struct weft_ipc_fdb *f, uint32_t when_s)
{
	e->id = ft_fdb_id(&f->mac, f->vlan);
	e->ofport = f->ofport;
	e->flags = f->flags;
	e->vtep = f->vtep;
	atomic_store_explicit(&e->renewed_s, when_s, memory_order_relaxed);
}

static bool entry_is_at(const struct ft_fdb_entry *e, const struct weft_ipc_fdb *f)
{
	return e->ofport == f->ofport && weft_ip_equal(&e->vtep, &f->vtep);
}

static bool entry_says(const struct ft_fdb_entry *e, const struct weft_ipc_fdb *f)
{
	return (e->flags & ~WEFT_FDB_HELD) == f->flags && entry_is_at(e, f);
}

// Seconds since the last packet. A worker's clock may be a little ahead of ours.
static uint32_t entry_age(const struct ft_fdb *fdb, const struct ft_fdb_entry *e, uint32_t now)
{
	uint32_t last = atomic_load_explicit(&e->renewed_s, memory_order_relaxed);

	for (unsigned w = 0; w < fdb->workers; w++) {
		uint32_t used =
			atomic_load_explicit(e->used_s + w * FT_FDB_SLAB, memory_order_relaxed);
		last = used > last ? used : last;
	}
	return now > last ? now - last : 0;
}

// Makes room for a static entry: what was learned longest ago goes.
static bool evict_learned(struct ft_switch *sw)
{
	const struct array *a = writer_array(sw->fdb);
	uint32_t now = now_s(sw), oldest = 0, at = UINT32_MAX;

	for (uint32_t i = 0; i <= a->mask; i++) {
		const struct ft_fdb_entry *e = slot_entry(a, i);
		if (!e || e == GONE || (e->flags & WEFT_FDB_STATIC))
			continue;
		uint32_t age = entry_age(sw->fdb, e, now);
		if (at != UINT32_MAX && age <= oldest)
			continue;
		oldest = age;
		at = i;
	}
	if (at == UINT32_MAX)
		return false;
	slot_clear(sw, at);
	return true;
}

// `old`: the entry for this id, NULL: none.
static enum weft_error put(
	struct ft_switch *sw, const struct weft_ipc_fdb *f, struct ft_fdb_entry *old)
{
	struct ft_fdb *fdb = sw->fdb;
	struct ft_fdb_entry *e;
	struct array *a;

	if (!old && fdb->live >= sw->limits.max_fdb &&
		(!(f->flags & WEFT_FDB_STATIC) || !evict_learned(sw))) {
		fdb->stats.over_tenant++;
		return WEFT_E_TABLE_FULL;
	}
	e = entry_new(fdb);
	if (!e)
		return WEFT_E_NO_MEMORY;
	if (!old && !array_reserve(sw)) {
		e->next_free = fdb->free;
		fdb->free = e;
		return WEFT_E_NO_MEMORY;
	}
	entry_fill(e, f, now_s(sw));
	e->moves = old ? old->moves : (struct ft_fdb_moves){0};
	count_learned(sw, e, 1);
	a = writer_array(fdb);
	atomic_store_explicit(&a->slot[probe(fdb, a, e->id)], e, memory_order_release);
	ft_fdb_changed(sw);
	if (old) {
		count_learned(sw, old, -1);
		ft_garbage_add(&sw->garbage, &old->garbage, entry_garbage);
		return WEFT_E_NONE;
	}
	a->used++;
	fdb->live++;
	return WEFT_E_NONE;
}

static struct ft_fdb_entry *writer_find(const struct ft_fdb *fdb, uint64_t id)
{
	const struct array *a = writer_array(fdb);

	return slot_entry(a, probe(fdb, a, id));
}

static struct weft_ipc_fdb entry_tell(const struct ft_fdb_entry *e)
{
	struct weft_ipc_fdb f = {
		.vlan = (uint16_t)e->id,
		.ofport = e->ofport,
		.flags = e->flags,
		.moves = e->moves.total,
		.vtep = e->vtep,
	};

	for (unsigned b = 0; b < 6; b++)
		f.mac.b[b] = (uint8_t)(e->id >> (56 - 8 * b));
	return f;
}

// It has moved once too often: it stays where it is, and says so.
static void hold(struct ft_switch *sw, struct ft_fdb_entry *e)
{
	struct weft_ipc_fdb f = entry_tell(e);

	sw->fdb->stats.held++;
	f.flags |= WEFT_FDB_HELD;
	put(sw, &f, e);
}

// What a packet says of an address; `old` is what the FDB says, NULL: nothing.
static enum weft_error learn(
	struct ft_switch *sw, const struct weft_ipc_fdb *f, struct ft_fdb_entry *old)
{
	const struct ft_port_entry *p = ft_port_find(sw, f->ofport);

	if (old && old->flags & (WEFT_FDB_STATIC | WEFT_FDB_HELD))
		return WEFT_E_EXISTS;
	if (p && p->max_macs && p->learned >= p->max_macs) {
		sw->fdb->stats.over_port++;
		return WEFT_E_TABLE_FULL;
	}
	if (!old)
		return put(sw, f, NULL);
	sw->fdb->stats.moves++;
	if (ft_fdb_moved(&old->moves, &sw->limits.moves, now_s(sw)))
		return put(sw, f, old);
	hold(sw, old);
	return WEFT_E_EXISTS;
}

enum weft_error ft_fdb_add(struct ft_switch *sw, const struct weft_ipc_fdb *f)
{
	struct ft_fdb_entry *old = writer_find(sw->fdb, ft_fdb_id(&f->mac, f->vlan));
	enum weft_error error = check(sw, f);

	if (error)
		return error;
	if (old && entry_says(old, f)) {
		atomic_store_explicit(&old->renewed_s, now_s(sw), memory_order_relaxed);
		return WEFT_E_NONE;
	}
	ft_enter(sw);
	error = f->flags & WEFT_FDB_STATIC ? put(sw, f, old) : learn(sw, f, old);
	ft_leave(sw);
	return error;
}

// Replaced by the same without WEFT_FDB_HELD. With no memory for it, it is held a second longer.
static void release(struct ft_switch *sw, struct ft_fdb_entry *e)
{
	struct weft_ipc_fdb f = entry_tell(e);

	f.flags &= ~WEFT_FDB_HELD;
	put(sw, &f, e);
}

void ft_fdb_release(struct ft_switch *sw)
{
	const struct array *a = writer_array(sw->fdb);
	uint32_t now = now_s(sw);

	if (!sw->fdb->held)
		return;
	ft_enter(sw);
	for (uint32_t i = 0; i <= a->mask; i++) {
		struct ft_fdb_entry *e = slot_entry(a, i);
		if (e && e != GONE && e->flags & WEFT_FDB_HELD && ft_fdb_hold_over(&e->moves, now))
			release(sw, e);
	}
	ft_leave(sw);
}

void ft_fdb_stats(struct ft_switch *sw, struct weft_ipc_fdb_stats *out)
{
	const struct ft_fdb *fdb = sw->fdb;

	*out = fdb->stats;
	out->entries = fdb->live;
	out->held_now = fdb->held;
	for (unsigned w = 0; w < fdb->workers; w++)
		out->conflicts += atomic_load_explicit(&fdb->conflicts[w].n, memory_order_relaxed);
}

enum weft_error ft_fdb_del(struct ft_switch *sw, const struct weft_mac *mac, uint16_t vlan)
{
	const struct array *a = writer_array(sw->fdb);
	uint32_t i = probe(sw->fdb, a, ft_fdb_id(mac, vlan));

	if (!slot_entry(a, i))
		return WEFT_E_NOT_FOUND;
	ft_enter(sw);
	slot_clear(sw, i);
	ft_leave(sw);
	return WEFT_E_NONE;
}

// Which learned entries a sweep removes: at least so old, and behind this port and VTEP.
struct condition {
	uint32_t min_age;
	uint32_t ofport;     // WEFT_OFPORT_ANY
	struct weft_ip vtep; // none: any
};

static bool condition_holds(const struct ft_fdb *fdb, const struct condition *c,
	const struct ft_fdb_entry *e, uint32_t now)
{
	if (c->ofport != WEFT_OFPORT_ANY && e->ofport != c->ofport)
		return false;
	if (!weft_ip_is_none(&c->vtep) && !weft_ip_equal(&e->vtep, &c->vtep))
		return false;
	return entry_age(fdb, e, now) >= c->min_age;
}

static unsigned sweep(struct ft_switch *sw, const struct condition *c)
{
	const struct array *a = writer_array(sw->fdb);
	uint32_t now = (uint32_t)(ft_counted_ns(sw) / 1000000000u);
	unsigned n = 0;

	ft_enter(sw);
	for (uint32_t i = 0; i <= a->mask; i++) {
		const struct ft_fdb_entry *e = slot_entry(a, i);
		if (!e || e == GONE || (e->flags & WEFT_FDB_STATIC) ||
			!condition_holds(sw->fdb, c, e, now))
			continue;
		slot_clear(sw, i);
		n++;
	}
	ft_leave(sw);
	return n;
}

void ft_fdb_flush(struct ft_switch *sw)
{
	sweep(sw, &(struct condition){.ofport = WEFT_OFPORT_ANY});
}

void ft_fdb_flush_port(struct ft_switch *sw, uint32_t ofport)
{
	sweep(sw, &(struct condition){.ofport = ofport});
}

void ft_fdb_flush_vtep(struct ft_switch *sw, const struct weft_ip *vtep)
{
	sweep(sw, &(struct condition){.ofport = WEFT_OFPORT_OVERLAY, .vtep = *vtep});
}

unsigned ft_fdb_age(struct ft_switch *sw, uint32_t max_age_s)
{
	if (!max_age_s)
		return 0;
	return sweep(sw, &(struct condition){.min_age = max_age_s, .ofport = WEFT_OFPORT_ANY});
}

void ft_fdb_ids(struct ft_switch *sw, void (*fn)(void *arg, uint64_t id), void *arg)
{
	const struct array *a = writer_array(sw->fdb);

	for (uint32_t i = 0; i <= a->mask; i++) {
		const struct ft_fdb_entry *e = slot_entry(a, i);

		if (e && e != GONE)
			fn(arg, e->id);
	}
}

bool ft_fdb_get(
	struct ft_switch *sw, const struct weft_mac *mac, uint16_t vlan, struct weft_ipc_fdb *out)
{
	return ft_fdb_get_id(sw, ft_fdb_id(mac, vlan), out);
}

bool ft_fdb_get_id(struct ft_switch *sw, uint64_t id, struct weft_ipc_fdb *out)
{
	const struct ft_fdb_entry *e = writer_find(sw->fdb, id);

	if (!e)
		return false;
	*out = entry_tell(e);
	out->age_s = entry_age(sw->fdb, e, now_s(sw));
	return true;
}

void ft_fdb_walk(
	struct ft_switch *sw, void (*fn)(void *arg, const struct weft_ipc_fdb *), void *arg)
{
	const struct array *a = writer_array(sw->fdb);
	uint32_t now = now_s(sw);

	for (uint32_t i = 0; i <= a->mask; i++) {
		const struct ft_fdb_entry *e = slot_entry(a, i);
		struct weft_ipc_fdb f;

		if (!e || e == GONE)
			continue;
		f = entry_tell(e);
		f.age_s = entry_age(sw->fdb, e, now);
		fn(arg, &f);
	}
}
