// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_snoop_entry.h"

#include "flowtable/hash.h"
#include "flowtable/vector.h"

#include <stdlib.h>

// ---- both

static struct dp_snoop_entry *load(struct dp_snoop_entry *const *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static unsigned chain_of(const struct dp_snoop *s, const struct weft_ip *group, uint16_t vlan)
{
	uint64_t words[3] = {group->q[0], group->q[1], vlan};

	return ft_hash_bytes(words, sizeof(words), s->seed) % DP_SNOOP_CHAINS;
}

struct dp_snoop_entry *dp_snoop_find(
	const struct dp_snoop *s, const struct weft_ip *group, uint16_t vlan)
{
	struct dp_snoop_entry *const *chain = __atomic_load_n(&s->chain, __ATOMIC_ACQUIRE);
	struct dp_snoop_entry *e = chain ? load(&chain[chain_of(s, group, vlan)]) : NULL;

	while (e && (!weft_ip_equal(&e->group, group) || e->vlan != vlan))
		e = load(&e->next);
	return e;
}

struct dp_snoop_entry *dp_snoop_find_link(const struct dp_snoop *s, bool v6, uint16_t vlan)
{
	struct weft_ip name = dp_snoop_link_of(v6);

	return dp_snoop_find(s, &name, vlan);
}

// ---- workers

static const struct dp_snoop_list *list_of(const struct dp_snoop_entry *e)
{
	return __atomic_load_n(&e->list, __ATOMIC_ACQUIRE);
}

bool dp_snoop_is_asked(const struct dp_snoop_entry *link)
{
	return link && __atomic_load_n(&link->asked, __ATOMIC_ACQUIRE);
}

const struct dp_snoop_list *dp_snoop_data(
	const struct dp_snoop *s, const struct weft_ip *group, uint16_t vlan, bool strict)
{
	const struct dp_snoop_entry *e = dp_snoop_find(s, group, vlan);

	if (e)
		return dp_snoop_is_asked(e->link) ? list_of(e) : NULL;
	return strict ? dp_snoop_routers(s, !weft_ip_is_v4(group), vlan) : NULL;
}

const struct dp_snoop_list *dp_snoop_routers(const struct dp_snoop *s, bool v6, uint16_t vlan)
{
	const struct dp_snoop_entry *link = dp_snoop_find_link(s, v6, vlan);

	return dp_snoop_is_asked(link) ? list_of(link) : NULL;
}

// ---- lists

bool dp_snoop_same_place(const struct ft_listener *a, const struct ft_listener *b)
{
	return a->ofport == b->ofport && weft_ip_equal(&a->vtep, &b->vtep);
}

struct dp_snoop_member *dp_snoop_member_at(
	const struct dp_snoop_entry *e, const struct ft_listener *at)
{
	for (unsigned i = 0; e && i < e->n; i++)
		if (dp_snoop_same_place(&e->member[i].at, at))
			return &e->member[i];
	return NULL;
}

// Those of `e` that are ports, or that are VTEPs; not those that `but` has as well.
static void list_add(struct dp_snoop_list *l, const struct dp_snoop_entry *e, bool ports,
	const struct dp_snoop_entry *but)
{
	for (unsigned i = 0; i < e->n; i++)
		if (dp_snoop_is_port(&e->member[i].at) == ports &&
			!dp_snoop_member_at(but, &e->member[i].at))
			l->at[l->n++] = e->member[i].at;
}

static struct dp_snoop_list *list_new(const struct dp_snoop_entry *e)
{
	unsigned room = e->n + (e->link ? e->link->n : 0);
	struct dp_snoop_list *l = malloc(sizeof(*l) + room * sizeof(l->at[0]));

	if (!l)
		return NULL;
	l->n = 0;
	for (unsigned ports = 2; ports--;) {
		list_add(l, e, ports, NULL);
		if (e->link)
			list_add(l, e->link, ports, e);
		if (ports)
			l->ports = l->n;
	}
	return l;
}

void dp_snoop_publish(struct dp_snoop *s, struct dp_snoop_entry *e)
{
	struct dp_snoop_list *fresh = list_new(e), *old = e->list;

	e->dirty = !fresh;
	if (!fresh)
		return;
	__atomic_store_n(&e->list, fresh, __ATOMIC_RELEASE);
	s->hooks.retire(s->hooks.ctx, free, old);
}

// ---- entries

void dp_snoop_entry_free(void *obj)
{
	struct dp_snoop_entry *e = obj;

	free(e->list);
	free(e->member);
	free(e);
}

// False: no memory.
static bool make_chains(struct dp_snoop *s)
{
	struct dp_snoop_entry **chain = s->chain;

	if (!chain) {
		chain = calloc(DP_SNOOP_CHAINS, sizeof(struct dp_snoop_entry *));
		__atomic_store_n(&s->chain, chain, __ATOMIC_RELEASE);
	}
	return chain;
}

struct dp_snoop_entry *dp_snoop_entry_new(
	struct dp_snoop *s, struct dp_snoop_entry *link, const struct weft_ip *group, uint16_t vlan)
{
	struct dp_snoop_entry **chain, *e = make_chains(s) ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	chain = &s->chain[chain_of(s, group, vlan)];
	e->group = *group;
	e->vlan = vlan;
	e->link = link;
	e->list = list_new(e);
	if (!e->list) {
		free(e);
		return NULL;
	}
	if (link)
		LIST_INSERT_HEAD(&link->groups, e, of_link);
	e->next = *chain;
	__atomic_store_n(chain, e, __ATOMIC_RELEASE);
	return e;
}

void dp_snoop_entry_remove(struct dp_snoop *s, struct dp_snoop_entry **at)
{
	struct dp_snoop_entry *e = *at;

	__atomic_store_n(at, e->next, __ATOMIC_RELEASE);
	if (e->link) {
		LIST_REMOVE(e, of_link);
		s->stats.groups--;
	} else {
		s->stats.links--;
	}
	s->hooks.retire(s->hooks.ctx, dp_snoop_entry_free, e);
}

// ---- members

static struct dp_snoop_port *port_new(struct dp_snoop *s)
{
	struct dp_snoop_port *port =
		ft_vector_reserve(s->port, s->ports, &s->ports_room, 16, sizeof(*port));

	if (!port)
		return NULL;
	s->port = port;
	return &s->port[s->ports++];
}

uint32_t *dp_snoop_port_count(struct dp_snoop *s, uint32_t ofport)
{
	struct dp_snoop_port *unused = NULL;

	for (unsigned i = 0; i < s->ports; i++) {
		if (s->port[i].n && s->port[i].ofport == ofport)
			return &s->port[i].n;
		if (!s->port[i].n && !unused)
			unused = &s->port[i];
	}
	if (!unused)
		unused = port_new(s);
	if (!unused)
		return NULL;
	*unused = (struct dp_snoop_port){.ofport = ofport};
	return &unused->n;
}

void dp_snoop_member_drop(struct dp_snoop *s, struct dp_snoop_entry *e, struct dp_snoop_member *m)
{
	if (dp_snoop_is_port(&m->at) && e->link)
		--*dp_snoop_port_count(s, m->at.ofport);
	if (e->link)
		s->stats.members--;
	else
		s->stats.routers--;
	*m = e->member[--e->n];
	e->dirty = true;
}

struct dp_snoop_member *dp_snoop_member_add(
	struct dp_snoop *s, struct dp_snoop_entry *e, const struct ft_listener *at)
{
	struct dp_snoop_member *member =
		ft_vector_reserve(e->member, e->n, &e->room, 4, sizeof(*member));

	if (!member)
		return NULL;
	e->member = member;
	if (e->link)
		s->stats.members++;
	else
		s->stats.routers++;
	e->member[e->n] = (struct dp_snoop_member){.at = *at};
	return &e->member[e->n++];
}
