// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_snoop_entry.h"

#include "flowtable/hash.h"

#include <stdlib.h>

#define VTEP_LEAVE_S 2u    // at least, for others behind it to answer
#define STARTUP 2u         // questions at once, of which one may be lost
#define STARTUP_DS 10u     // the time to answer them
#define SPECIFIC_DS 10u    // RFC 3376, 8.8
#define SETTLE_OWN_S 3u    // after the first of ours every host has answered,
#define SETTLE_HEARD_S 11u // after a router's (RFC 3376, 8.3)
#define QUESTIONS_MAX 64u  // a second; what would be more waits

// ---- asking

// RFC 3376, 8.3: a tenth of a usual interval or so, so that two of these fit into an age (8.4).
static uint32_t response_s(const struct dp_snoop *s)
{
	uint32_t r = s->set.age_s / 8;

	return r > 10 ? 10 : r ? r : 1;
}

static uint32_t interval_s(const struct dp_snoop *s)
{
	return (s->set.age_s - response_s(s)) / 2;
}

// RFC 3376, 8.5; early enough to ask in its place before listeners are forgotten.
static uint32_t other_querier_s(const struct dp_snoop *s)
{
	uint32_t half = response_s(s) / 2;

	return s->set.age_s - (half > 2 ? half : 2);
}

static bool hears_querier(const struct dp_snoop_entry *link)
{
	for (unsigned i = 0; i < link->n; i++)
		if (link->member[i].querier)
			return true;
	return false;
}

static bool asks_itself(const struct dp_snoop *s, const struct dp_snoop_entry *link)
{
	return s->set.querier && !hears_querier(link);
}

static bool ask(struct dp_snoop *s, const struct dp_snoop_entry *e, uint32_t response_ds)
{
	struct dp_snoop_question q = {
		.group = e->group,
		.vlan = e->vlan,
		.response_ds = (uint8_t)response_ds,
		.interval_s = interval_s(s),
	};

	if (s->questions == QUESTIONS_MAX || !s->hooks.ask(s->hooks.ctx, &q))
		return false;
	s->questions++;
	s->stats.asked++;
	return true;
}

static void ask_all(struct dp_snoop *s, struct dp_snoop_entry *link, uint32_t now)
{
	bool startup = link->startup;

	if (!asks_itself(s, link) || now < link->next_query_s)
		return;
	if (!ask(s, link, startup ? STARTUP_DS : 10 * response_s(s)))
		return; // in the next second
	link->startup -= startup;
	link->next_query_s = now + (link->startup ? 1 : interval_s(s));
	if (!link->settled_s)
		link->settled_s = now + SETTLE_OWN_S;
}

// Whether everybody who listens has had the time to say so.
static void settle(struct dp_snoop *s, struct dp_snoop_entry *link, uint32_t now)
{
	bool heard = hears_querier(link);

	if (!heard && !s->set.querier)
		link->settled_s = 0;
	else if (heard && !link->settled_s)
		link->settled_s = now + SETTLE_HEARD_S;
	__atomic_store_n(&link->asked, link->settled_s && now >= link->settled_s, __ATOMIC_RELEASE);
}

// ---- what was heard

static bool is_link(const struct dp_snoop_entry *e)
{
	return !e->link;
}

static struct dp_snoop_entry *link_get(struct dp_snoop *s, bool v6, uint16_t vlan)
{
	struct weft_ip name = dp_snoop_link_of(v6);
	struct dp_snoop_entry *link = dp_snoop_find(s, &name, vlan);

	if (link || s->stats.links >= 2 + s->set.max_groups)
		return link;
	link = dp_snoop_entry_new(s, NULL, &name, vlan);
	if (link) {
		link->startup = STARTUP;
		s->stats.links++;
	}
	return link;
}

static void publish_groups(struct dp_snoop *s, const struct dp_snoop_entry *link)
{
	struct dp_snoop_entry *e;

	LIST_FOREACH (e, &link->groups, of_link)
		dp_snoop_publish(s, e);
}

static void heard_router(struct dp_snoop *s, const struct dp_snoop_news *news, uint32_t now)
{
	struct dp_snoop_entry *link = link_get(s, !weft_ip_is_v4(&news->group), news->vlan);
	struct dp_snoop_member *m = dp_snoop_member_at(link, &news->at);
	bool fresh = link && !m;

	if (fresh)
		m = dp_snoop_member_add(s, link, &news->at);
	if (!m)
		return;
	m->querier |= news->what == DP_SNOOP_QUERY;
	m->expires_s = now + (m->querier ? other_querier_s(s) : s->set.age_s);
	settle(s, link, now);
	if (!fresh)
		return;
	dp_snoop_publish(s, link);
	publish_groups(s, link);
}

// What is more than there may be is counted.
static bool may_join(
	struct dp_snoop *s, const struct dp_snoop_entry *e, const struct ft_listener *at)
{
	const uint32_t *n = dp_snoop_is_port(at) ? dp_snoop_port_count(s, at->ofport) : NULL;

	if (!e && s->stats.groups >= s->set.max_groups) {
		s->stats.over_tenant++;
		return false;
	}
	if (dp_snoop_is_port(at) && (!n || *n >= s->set.max_port_groups)) {
		s->stats.over_port++;
		return false;
	}
	return true;
}

static void join(struct dp_snoop *s, struct dp_snoop_entry *e, const struct dp_snoop_news *news,
	uint32_t now)
{
	struct dp_snoop_entry *link =
		e ? e->link : link_get(s, !weft_ip_is_v4(&news->group), news->vlan);
	struct dp_snoop_member *m;

	if (!link || !may_join(s, e, &news->at))
		return;
	if (!e) {
		e = dp_snoop_entry_new(s, link, &news->group, news->vlan);
		s->stats.groups += e != NULL;
	}
	m = e ? dp_snoop_member_add(s, e, &news->at) : NULL;
	if (!m)
		return;
	if (dp_snoop_is_port(&news->at))
		++*dp_snoop_port_count(s, news->at.ofport);
	m->expires_s = now + s->set.age_s;
	dp_snoop_publish(s, e);
}

// Others may listen at the same place. Behind a VTEP there may be whole hosts of them, who are
// asked by their own switch, if anybody asks.
static void leave(
	struct dp_snoop *s, struct dp_snoop_entry *e, struct dp_snoop_member *m, uint32_t now)
{
	bool port = dp_snoop_is_port(&m->at);
	uint32_t wait = port || s->set.leave_s > VTEP_LEAVE_S ? s->set.leave_s : VTEP_LEAVE_S;

	if (m->expires_s <= now + wait || (!port && !dp_snoop_is_asked(e->link)))
		return;
	m->expires_s = now + wait;
	m->leaving = true;
	if (!wait)
		dp_snoop_member_drop(s, e, m);
	if (port && asks_itself(s, e->link))
		ask(s, e, SPECIFIC_DS);
	if (!wait)
		dp_snoop_publish(s, e); // an entry without members goes with the second
}

static void heard_member(struct dp_snoop *s, const struct dp_snoop_news *news, uint32_t now)
{
	struct dp_snoop_entry *e = dp_snoop_find(s, &news->group, news->vlan);
	struct dp_snoop_member *m = dp_snoop_member_at(e, &news->at);

	s->stats.joins += news->what == DP_SNOOP_JOIN;
	s->stats.leaves += news->what == DP_SNOOP_LEAVE;
	if (news->what == DP_SNOOP_LEAVE) {
		if (m)
			leave(s, e, m, now);
	} else if (m) {
		m->expires_s = now + s->set.age_s;
		m->leaving = false;
	} else {
		join(s, e, news, now);
	}
}

void dp_snoop_heard(struct dp_snoop *s, const struct dp_snoop_news *news, uint32_t now_s)
{
	bool member = news->what == DP_SNOOP_JOIN || news->what == DP_SNOOP_LEAVE;

	if (!s->set.on || !s->hooks.there(s->hooks.ctx, &news->at))
		return;
	s->stats.queries += news->what == DP_SNOOP_QUERY;
	if (member)
		heard_member(s, news, now_s);
	else
		heard_router(s, news, now_s);
}

// ---- routers that are configured

static bool is_configured(const struct dp_snoop *s, const struct ft_listener *at)
{
	for (unsigned i = 0; i < s->set.n_routers; i++)
		if (dp_snoop_same_place(&s->set.router[i], at))
			return true;
	return false;
}

// Nobody was heard in this VLAN, or not for long.
static bool is_idle(const struct dp_snoop_entry *link, uint32_t now)
{
	for (unsigned i = 0; i < link->n; i++)
		if (link->member[i].expires_s > now)
			return false;
	return link->vlan && LIST_EMPTY(&link->groups);
}

static void fix_routers(struct dp_snoop *s, struct dp_snoop_entry *link, uint32_t now)
{
	for (unsigned i = 0; is_link(link) && !is_idle(link, now) && i < s->set.n_routers; i++) {
		const struct ft_listener *at = &s->set.router[i];
		struct dp_snoop_member *m = dp_snoop_member_at(link, at);

		if (!m && s->hooks.there(s->hooks.ctx, at)) {
			m = dp_snoop_member_add(s, link, at);
			link->dirty |= m != NULL;
		}
		if (m)
			m->fixed = true;
	}
}

// ---- every second

// A router that is configured is not forgotten, but that it asked may be.
static bool is_gone(struct dp_snoop *s, struct dp_snoop_member *m, uint32_t now)
{
	bool late = m->expires_s <= now;

	m->fixed = m->fixed && is_configured(s, &m->at);
	m->querier = m->querier && !late;
	return (late && !m->fixed) || !s->hooks.there(s->hooks.ctx, &m->at);
}

static void expire(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	bool leaving = false;

	for (unsigned i = 0; i < e->n;) {
		struct dp_snoop_member *m = &e->member[i];

		if (is_gone(s, m, now)) {
			dp_snoop_member_drop(s, e, m);
			continue;
		}
		leaving |= m->leaving && dp_snoop_is_port(&m->at);
		i++;
	}
	if (leaving && asks_itself(s, e->link))
		ask(s, e, SPECIFIC_DS); // for one may have been lost
}

static void each_entry(struct dp_snoop *s,
	void (*fn)(struct dp_snoop *, struct dp_snoop_entry *, uint32_t now), uint32_t now)
{
	for (unsigned i = 0; i < dp_snoop_chains(s); i++)
		for (struct dp_snoop_entry *e = s->chain[i]; e; e = e->next)
			fn(s, e, now);
}

static void start_over(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	if (!is_link(e))
		return;
	e->startup = STARTUP;
	e->next_query_s = now;
}

// The querier is silent: we ask instead, and nobody is forgotten before he could answer.
static void take_over(struct dp_snoop *s, struct dp_snoop_entry *link, uint32_t now)
{
	struct dp_snoop_entry *e;

	start_over(s, link, now);
	LIST_FOREACH (e, &link->groups, of_link)
		for (unsigned k = 0; k < e->n; k++)
			if (e->member[k].expires_s < now + SETTLE_OWN_S)
				e->member[k].expires_s = now + SETTLE_OWN_S;
}

static void link_second(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	bool heard = is_link(e) && hears_querier(e);

	if (!is_link(e))
		return;
	if (e->heard && !heard)
		take_over(s, e, now);
	e->heard = heard;
	ask_all(s, e, now);
	settle(s, e, now);
}

static void republish(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	if (e->dirty || (e->link && e->link->dirty))
		dp_snoop_publish(s, e);
}

// Links after their groups, whose lists are made of theirs.
static void republish_groups(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	if (!is_link(e))
		republish(s, e, now);
}

static void republish_links(struct dp_snoop *s, struct dp_snoop_entry *e, uint32_t now)
{
	if (is_link(e))
		republish(s, e, now);
}

// The untagged links stay: somebody has to ask there first.
static bool is_empty(const struct dp_snoop_entry *e, uint32_t now)
{
	return is_link(e) ? is_idle(e, now) : !e->n;
}

static void sweep(struct dp_snoop *s, uint32_t now)
{
	for (unsigned i = 0; i < dp_snoop_chains(s); i++)
		for (struct dp_snoop_entry **at = &s->chain[i]; *at;) {
			if (!is_empty(*at, now)) {
				at = &(*at)->next;
				continue;
			}
			while ((*at)->n) // routers that are configured
				dp_snoop_member_drop(s, *at, (*at)->member);
			dp_snoop_entry_remove(s, at);
		}
}

void dp_snoop_tick(struct dp_snoop *s, uint32_t now_s, bool moved)
{
	if (!s->set.on)
		return;
	s->questions = 0;
	for (unsigned v6 = 0; v6 < 2; v6++)
		link_get(s, v6, 0);
	if (moved)
		each_entry(s, start_over, now_s);
	each_entry(s, expire, now_s);
	each_entry(s, fix_routers, now_s);
	each_entry(s, republish_groups, now_s);
	each_entry(s, republish_links, now_s);
	sweep(s, now_s);
	each_entry(s, link_second, now_s);
}

// ---- the whole

struct dp_snoop *dp_snoop_new(uint64_t seed, const struct dp_snoop_hooks *hooks)
{
	struct dp_snoop *s = calloc(1, sizeof(*s));

	if (s) {
		s->seed = ft_hash_end(seed ^ 0x534e4f4f50);
		s->hooks = *hooks;
	}
	return s;
}

void dp_snoop_free(struct dp_snoop *s)
{
	for (unsigned i = 0; s && i < dp_snoop_chains(s); i++)
		for (struct dp_snoop_entry *e = s->chain[i], *next; e; e = next) {
			next = e->next;
			dp_snoop_entry_free(e);
		}
	if (s) {
		free(s->port);
		free(s->chain);
	}
	free(s);
}

static void forget(struct dp_snoop *s)
{
	for (unsigned links = 0; links < 2; links++)
		for (unsigned i = 0; i < dp_snoop_chains(s); i++)
			for (struct dp_snoop_entry **at = &s->chain[i]; *at;) {
				if (is_link(*at) == links)
					dp_snoop_entry_remove(s, at);
				else
					at = &(*at)->next;
			}
	s->ports = 0;
	s->stats.members = s->stats.routers = 0;
}

void dp_snoop_set(struct dp_snoop *s, const struct dp_snoop_settings *set)
{
	if (!set->on)
		forget(s);
	s->set = *set;
}

static void walk_entry(const struct dp_snoop_entry *e, uint32_t now,
	void (*fn)(void *arg, const struct weft_ipc_listener *), void *arg)
{
	for (unsigned i = 0; i < e->n; i++) {
		const struct dp_snoop_member *m = &e->member[i];
		struct weft_ipc_listener l = {
			.group = e->group,
			.vtep = m->at.vtep,
			.ofport = m->at.ofport,
			.vlan = e->vlan,
			.flags = (uint16_t)((e->link ? 0 : WEFT_LISTENER_ROUTER) |
					    (m->querier ? WEFT_LISTENER_QUERIER : 0) |
					    (m->fixed ? WEFT_LISTENER_STATIC : 0) |
					    (m->leaving ? WEFT_LISTENER_LEAVING : 0)),
			.left_s = m->expires_s > now ? m->expires_s - now : 0,
		};

		fn(arg, &l);
	}
}

void dp_snoop_walk(const struct dp_snoop *s, uint32_t now_s,
	void (*fn)(void *arg, const struct weft_ipc_listener *), void *arg)
{
	for (unsigned i = 0; i < dp_snoop_chains(s); i++)
		for (const struct dp_snoop_entry *e = s->chain[i]; e; e = e->next)
			walk_entry(e, now_s, fn, arg);
}

void dp_snoop_stats(const struct dp_snoop *s, struct weft_ipc_snoop_stats *out)
{
	*out = s->stats;
	out->asked4 = dp_snoop_is_asked(dp_snoop_find_link(s, false, 0));
	out->asked6 = dp_snoop_is_asked(dp_snoop_find_link(s, true, 0));
}
