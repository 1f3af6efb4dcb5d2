// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_neigh.h"

#include "dp.h"

#include "flowtable/hash.h"

#include <stdlib.h>

#define DP_NEIGH_CHAINS 1024u

struct dp_neigh_entry {
	struct dp_neigh_entry *next; // atomic
	struct weft_ipc_neigh is;
};

struct dp_neigh {
	uint64_t seed;
	unsigned n;
	struct dp_neigh_entry **chain; // DP_NEIGH_CHAINS, and each atomic; NULL: never had an entry
};

static unsigned dp_neigh_chain(const struct dp_neigh *t, const struct weft_ip *ip, uint16_t vlan)
{
	uint64_t words[3] = {ip->q[0], ip->q[1], vlan};

	return ft_hash_bytes(words, sizeof(words), t->seed) % DP_NEIGH_CHAINS;
}

static struct dp_neigh_entry *dp_neigh_load(struct dp_neigh_entry *const *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static bool dp_neigh_is(const struct dp_neigh_entry *e, const struct weft_ip *ip, uint16_t vlan)
{
	return weft_ip_equal(&e->is.ip, ip) && e->is.vlan == vlan;
}

const struct weft_ipc_neigh *dp_neigh_find(
	const struct dp_neigh *t, const struct weft_ip *ip, uint16_t vlan)
{
	struct dp_neigh_entry *const *chain = __atomic_load_n(&t->chain, __ATOMIC_ACQUIRE);
	const struct dp_neigh_entry *e =
		chain ? dp_neigh_load(&chain[dp_neigh_chain(t, ip, vlan)]) : NULL;

	while (e && !dp_neigh_is(e, ip, vlan))
		e = dp_neigh_load(&e->next);
	return e ? &e->is : NULL;
}

struct dp_neigh *dp_neigh_new(uint64_t seed)
{
	struct dp_neigh *t = calloc(1, sizeof(*t));

	if (t)
		t->seed = ft_hash_end(seed ^ 0x4e454947);
	return t;
}

void dp_neigh_free(struct dp_neigh *t)
{
	for (unsigned i = 0; t && t->chain && i < DP_NEIGH_CHAINS; i++)
		for (struct dp_neigh_entry *e = t->chain[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	if (t)
		free(t->chain);
	free(t);
}

unsigned dp_neigh_count(const struct dp_neigh *t)
{
	return t->n;
}

// False: no memory.
static bool dp_neigh_make_chains(struct dp_neigh *t)
{
	struct dp_neigh_entry **chain = t->chain;

	if (!chain) {
		chain = calloc(DP_NEIGH_CHAINS, sizeof(struct dp_neigh_entry *));
		__atomic_store_n(&t->chain, chain, __ATOMIC_RELEASE);
	}
	return chain;
}

// Where the pointer to the entry lies, or the end of its chain. There are chains.
static struct dp_neigh_entry **dp_neigh_seek(
	struct dp_neigh *t, const struct weft_ip *ip, uint16_t vlan)
{
	struct dp_neigh_entry **at = &t->chain[dp_neigh_chain(t, ip, vlan)];

	while (*at && !dp_neigh_is(*at, ip, vlan))
		at = &(*at)->next;
	return at;
}

static bool dp_neigh_is_host(const struct weft_ip *ip)
{
	if (weft_ip_is_v4(ip))
		return ip->b[12] && ip->b[12] < 224 && ip->b[12] != 127;
	return !weft_ip_is_none(ip) && ip->b[0] != 0xff;
}

static enum weft_error dp_neigh_check(const struct weft_ipc_neigh *n)
{
	static const struct weft_mac none;

	if (!dp_neigh_is_host(&n->ip) || weft_mac_is_multicast(&n->mac) ||
		weft_mac_equal(&n->mac, &none) || n->vlan > 4094 ||
		n->flags & ~(WEFT_NEIGH_STATIC | WEFT_NEIGH_ROUTER))
		return WEFT_E_MALFORMED;
	return WEFT_E_NONE;
}

static void dp_neigh_remove(struct dp *dp, struct dp_neigh *t, struct dp_neigh_entry **at)
{
	struct dp_neigh_entry *e = *at;

	__atomic_store_n(at, e->next, __ATOMIC_RELEASE);
	t->n--;
	dp_rcu_retire(dp->rcu, free, e);
}

// Makes room for a static binding: a learned one goes, which its machine's next word brings back.
static bool dp_neigh_evict(struct dp *dp, struct dp_neigh *t)
{
	for (unsigned i = 0; i < DP_NEIGH_CHAINS; i++)
		for (struct dp_neigh_entry **at = &t->chain[i]; *at; at = &(*at)->next)
			if (!((*at)->is.flags & WEFT_NEIGH_STATIC)) {
				dp_neigh_remove(dp, t, at);
				return true;
			}
	return false;
}

enum weft_error dp_neigh_add(
	struct dp *dp, struct dp_neigh *t, const struct weft_ipc_neigh *add, uint32_t max)
{
	enum weft_error error = dp_neigh_check(add);
	struct dp_neigh_entry **at, *old, *e;

	if (!error && !dp_neigh_make_chains(t))
		error = WEFT_E_NO_MEMORY;
	if (error)
		return error;
	at = dp_neigh_seek(t, &add->ip, add->vlan);
	old = *at;
	if (old && old->is.flags & ~add->flags & WEFT_NEIGH_STATIC)
		return WEFT_E_EXISTS;
	if (!old && (t->n >= max || t->n >= DP_NEIGH_MAX)) {
		if (!(add->flags & WEFT_NEIGH_STATIC) || !dp_neigh_evict(dp, t))
			return WEFT_E_TABLE_FULL;
		at = dp_neigh_seek(t, &add->ip, add->vlan);
	}
	e = malloc(sizeof(*e));
	if (!e)
		return WEFT_E_NO_MEMORY;
	*e = (struct dp_neigh_entry){.next = old ? old->next : NULL, .is = *add};
	if (old && weft_mac_equal(&old->is.mac, &add->mac))
		e->is.flags |= old->is.flags & WEFT_NEIGH_ROUTER;
	__atomic_store_n(at, e, __ATOMIC_RELEASE);
	if (old)
		dp_rcu_retire(dp->rcu, free, old);
	else
		t->n++;
	return WEFT_E_NONE;
}

enum weft_error dp_neigh_del(
	struct dp *dp, struct dp_neigh *t, const struct weft_ip *ip, uint16_t vlan)
{
	struct dp_neigh_entry **at = t->chain ? dp_neigh_seek(t, ip, vlan) : NULL;

	if (!at || !*at)
		return WEFT_E_NOT_FOUND;
	dp_neigh_remove(dp, t, at);
	return WEFT_E_NONE;
}

void dp_neigh_sweep(struct dp *dp, struct dp_neigh *t,
	bool (*keep)(void *arg, const struct weft_ipc_neigh *), void *arg)
{
	for (unsigned i = 0; t->n && i < DP_NEIGH_CHAINS; i++)
		for (struct dp_neigh_entry **at = &t->chain[i]; *at;) {
			if ((*at)->is.flags & WEFT_NEIGH_STATIC || keep(arg, &(*at)->is))
				at = &(*at)->next;
			else
				dp_neigh_remove(dp, t, at);
		}
}

void dp_neigh_walk(
	const struct dp_neigh *t, void (*fn)(void *arg, const struct weft_ipc_neigh *), void *arg)
{
	for (unsigned i = 0; t->n && i < DP_NEIGH_CHAINS; i++)
		for (const struct dp_neigh_entry *e = t->chain[i]; e; e = e->next)
			fn(arg, &e->is);
}
