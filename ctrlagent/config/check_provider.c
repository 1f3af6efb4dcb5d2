// SPDX-License-Identifier: Apache-2.0
// Provider's switches: what goes with them and what does not, and that each network has one owner.
#include "config/check.h"
#include "vec.h"

#define SINGLE 128u // a prefix that is an address

static void refuse(struct config_reader *r, const void *field, const char *whose)
{
	if (config_is_set(r, field))
		config_error(r, field, NULL, "goes with kind %s only", whose);
}

static void check_tenants_own(struct config_reader *r, const struct config_tenant *t)
{
	const void *const fields[] = {&t->encap, &t->vni, &t->vsid, &t->vteps, &t->any_vtep,
		&t->group, &t->suppress, &t->neighbours, &t->multicast.snoop};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		refuse(r, fields[i], "tenant");
}

static void check_providers_own(struct config_reader *r, const struct config_tenant *t)
{
	refuse(r, &t->vnis, "provider");
	refuse(r, &t->vsids, "provider");
	refuse(r, &t->peers, "provider");
	refuse(r, &t->vtep_age_s, "provider");
}

static void check_peer(
	struct config_reader *r, const struct config *c, const struct config_prefix *p)
{
	const struct weft_ip *ip = &p->prefix.ip;
	bool single = p->prefix.len == SINGLE;

	if (p->any)
		return;
	if (weft_ip_is_multicast(ip))
		config_error(r, p, NULL, "expected unicast addresses");
	else if (single && (weft_ip_equal(ip, &c->host.vtep) || weft_ip_equal(ip, &c->host.vtep6)))
		config_error(r, p, NULL, "expected the address of another host, this is host.vtep");
	else if (!weft_ip_is_none(ip) && !config_has_family(&c->host, ip))
		config_error(r, p, NULL, "host has no VTEP address of this family");
}

static void check_peers(
	struct config_reader *r, const struct config *c, const struct config_tenant *t)
{
	struct config_values seen = {0};
	size_t prefixes = 0;

	if (!t->peer_count)
		config_error(r, t, "peers",
			"missing, expected addresses or prefixes of remote VTEPs, or any");
	for (size_t i = 0; i < t->peer_count; i++) {
		const struct config_prefix *p = &t->peers[i];
		check_peer(r, c, p);
		prefixes += p->any ? 2 : p->prefix.len != SINGLE;
		config_values_add(&seen, p, p, offsetof(struct config_prefix, any) + 1);
	}
	config_values_finish(r, &seen);
	if (t->peer_count > WEFT_TENANT_VTEPS)
		config_error(r, &t->peers, NULL, "expected at most %u", WEFT_TENANT_VTEPS);
	if (prefixes > WEFT_PROVIDER_PREFIXES)
		config_error(r, &t->peers, NULL,
			"expected at most %u prefixes, of which any is two",
			WEFT_PROVIDER_PREFIXES);
}

static void check_ranges(
	struct config_reader *r, const void *list, const struct config_range *ranges, size_t n)
{
	size_t numbers = 0;

	for (size_t i = 0; i < n; i++)
		numbers += !ranges[i].rest;
	if (numbers > WEFT_PROVIDER_RANGES)
		config_error(r, list, NULL, "expected at most %u ranges", WEFT_PROVIDER_RANGES);
}

void config_check_provider(struct config_reader *r, const struct config *c, struct config_tenant *t)
{
	if (t->kind != WEFT_TENANT_KIND_PROVIDER) {
		check_providers_own(r, t);
		return;
	}
	check_tenants_own(r, t);
	check_peers(r, c, t);
	check_ranges(r, &t->vnis, t->vnis, t->vni_count);
	check_ranges(r, &t->vsids, t->vsids, t->vsid_count);
	if (!t->vni_count && !t->vsid_count)
		config_error(r, t, "vnis", "missing, or vsids: which networks are the provider's?");
	if (weft_ip_is_none(&c->host.vtep))
		config_error(r, &t->kind, NULL, "needs host.vtep");
	if (!config_is_set(r, &t->learn))
		t->learn = false;
	if (!config_is_set(r, &t->inner_vlan))
		t->inner_vlan = true;
}

// ---- one owner each

struct single {
	uint32_t network;
	const char *whose;
};

// Of one encapsulation.
struct owners {
	VEC(const struct config_range *) ranges;
	VEC(const char *) of; // tenant of each
	VEC(struct single) singles;
	struct config_values rests;
};

static void own(struct owners *o, const char *owner, const struct config_range *ranges, size_t n)
{
	static const char rest[] = "rest";

	for (size_t i = 0; i < n; i++) {
		if (ranges[i].rest) {
			config_values_add(&o->rests, &ranges[i], rest, sizeof(rest));
			continue;
		}
		vec_add(&o->ranges, &ranges[i]);
		vec_add(&o->of, owner);
	}
}

static void finish(struct config_reader *r, struct owners *o)
{
	for (size_t i = 0; i < o->ranges.count; i++) {
		const struct config_range *g = o->ranges.at[i];
		for (size_t j = 0; j < i; j++) {
			const struct config_range *h = o->ranges.at[j];
			if (g->first <= h->last && h->first <= g->last)
				config_error(r, g, NULL, "%u is provider %s's already",
					g->first > h->first ? g->first : h->first, o->of.at[j]);
		}
		VEC_FOR_EACH (s, &o->singles)
			if (s->network >= g->first && s->network <= g->last)
				config_error(r, g, NULL, "%u is %s", s->network, s->whose);
	}
	config_values_finish(r, &o->rests);
	vec_free(&o->ranges);
	vec_free(&o->of);
	vec_free(&o->singles);
}

static void own_single(
	struct config_reader *r, struct owners *o, const uint32_t *network, const char *tenant)
{
	if (o->ranges.count && config_is_set(r, network))
		vec_add(&o->singles, (struct single){*network,
					     arena_format(&r->scratch, "tenant %s's", tenant)});
}

void config_check_networks(struct config_reader *r, const struct config *c)
{
	struct owners vnis = {.rests = {0}}, vsids = {.rests = {0}};

	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct config_tenant *t = &c->tenants[i];
		own(&vnis, t->name, t->vnis, t->vni_count);
		own(&vsids, t->name, t->vsids, t->vsid_count);
	}
	for (size_t i = 0; i < c->tenant_count; i++) {
		own_single(r, &vnis, &c->tenants[i].vni, c->tenants[i].name);
		own_single(r, &vsids, &c->tenants[i].vsid, c->tenants[i].name);
	}
	if (c->host.bfd.mode == WEFT_BFD_VXLAN)
		vec_add(&vnis.singles, (struct single){c->host.bfd.vni, "host.bfd.vni"});
	finish(r, &vnis);
	finish(r, &vsids);
}
