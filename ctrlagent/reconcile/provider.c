// SPDX-License-Identifier: Apache-2.0
#include "reconcile/provider.h"

#include "config/check.h"
#include "text/address.h"

#define SINGLE 128u // a prefix that is an address

static void add_ranges(struct weft_ipc_provider *p, enum weft_encap encap,
	const struct config_range *ranges, size_t n)
{
	unsigned e = encap - 1;

	for (size_t i = 0; i < n; i++) {
		if (ranges[i].rest)
			p->rest |= (uint8_t)(1u << e);
		else
			p->range[e][p->ranges[e]++] =
				(struct weft_networks){ranges[i].first, ranges[i].last};
	}
}

static void add_prefixes(struct weft_ipc_provider *p, const struct config_tenant *t)
{
	static const struct weft_prefix v4 = {{.b = {[10] = 0xff, [11] = 0xff}}, 96, 0}, v6;

	for (size_t i = 0; i < t->peer_count; i++) {
		if (t->peers[i].any) {
			p->prefix[p->prefixes++] = v4;
			p->prefix[p->prefixes++] = v6;
		} else if (t->peers[i].prefix.len != SINGLE) {
			p->prefix[p->prefixes++] = t->peers[i].prefix;
		}
	}
}

static bool covers(const struct weft_ipc_provider *p, const struct weft_ip *ip)
{
	for (unsigned i = 0; i < p->prefixes; i++)
		if (weft_prefix_covers(&p->prefix[i], ip))
			return true;
	return false;
}

static struct weft_ipc_provider provider_settings(const struct config_tenant *t)
{
	struct weft_ipc_provider set = {.age_s = t->vtep_age_s};

	add_ranges(&set, WEFT_ENCAP_VXLAN, t->vnis, t->vni_count);
	add_ranges(&set, WEFT_ENCAP_NVGRE, t->vsids, t->vsid_count);
	add_prefixes(&set, t);
	return set;
}

void provider_desire(const struct config *c, const struct config_tenant *t,
	const struct model *current, struct model *desired, weft_tenant_id id)
{
	struct model_provider want = {id, provider_settings(t)};

	model_add_provider(desired, &want);
	for (size_t i = 0; i < t->peer_count; i++)
		if (!t->peers[i].any && t->peers[i].prefix.len == SINGLE)
			model_add_vtep(desired, &(struct model_vtep){id, t->peers[i].prefix.ip, 0});
	MODEL_EACH_VTEP (v, current, id)
		if (covers(&want.set, &v->ip) && config_may_reach(&c->host, &v->ip) &&
			!model_has_vtep(desired, v))
			model_add_vtep(desired, v);
}

bool provider_is_passing(const struct config_tenant *t, const struct weft_ip *vtep)
{
	struct weft_ipc_provider set = provider_settings(t);

	for (size_t i = 0; i < t->peer_count; i++)
		if (!t->peers[i].any && t->peers[i].prefix.len == SINGLE &&
			weft_ip_equal(&t->peers[i].prefix.ip, vtep))
			return false;
	return covers(&set, vtep);
}

// ---- in words

static void put(char **text, const char *with, char *more)
{
	char *all = agent_format("%s%s%s", *text, (*text)[0] ? with : "", more);

	free(*text);
	free(more);
	*text = all;
}

static void put_networks(
	char **text, const struct weft_ipc_provider *p, enum weft_encap encap, const char *name)
{
	unsigned e = encap - 1;
	char *list = agent_strdup("");

	for (unsigned i = 0; i < p->ranges[e]; i++) {
		const struct weft_networks *r = &p->range[e][i];
		put(&list, " ",
			r->first == r->last ? agent_format("%u", r->first)
					    : agent_format("%u-%u", r->first, r->last));
	}
	if (p->rest & 1u << e)
		put(&list, " ", agent_strdup("rest"));
	if (list[0])
		put(text, ", ", agent_format("%s %s", name, list));
	free(list);
}

char *provider_text(const struct weft_ipc_provider *p)
{
	char *text = agent_strdup(""), *list = agent_strdup(""), prefix[PREFIX_TEXT_MAX];

	put_networks(&text, p, WEFT_ENCAP_VXLAN, "vni");
	put_networks(&text, p, WEFT_ENCAP_NVGRE, "vsid");
	for (unsigned i = 0; i < p->prefixes; i++)
		put(&list, " ", agent_strdup(prefix_format(&p->prefix[i], prefix)));
	put(&text, ", ",
		agent_format(
			"prefixes of peers %s, vtep_age %u", list[0] ? list : "none", p->age_s));
	free(list);
	return text;
}
