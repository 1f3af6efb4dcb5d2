// SPDX-License-Identifier: Apache-2.0
// Who listens to what: rules one by one, and then random news against a plain list of everybody and
// his time.

#include "tenants/dp_snoop_table.h"

#include "../rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PLACES 6u // three ports, three VTEPs
#define GROUPS 8u // four of each family
#define VLANS 2u

struct world {
	struct dp_snoop *s;
	struct dp_snoop_settings set;
	uint32_t now;
	bool away[PLACES];
	bool fixed[PLACES]; // there are routers
	unsigned asked, asked_all;
	struct dp_snoop_question last;
};

static struct ft_listener place(unsigned i)
{
	if (i < PLACES / 2)
		return (struct ft_listener){.ofport = i + 1};
	return (struct ft_listener){
		.ofport = WEFT_OFPORT_OVERLAY, .vtep = weft_ip_from_v4(htonl(0xac100000 + i))};
}

static unsigned place_of(const struct ft_listener *at)
{
	return at->ofport == WEFT_OFPORT_OVERLAY ? ntohl(weft_ip_v4(&at->vtep)) & 0xff
						 : at->ofport - 1;
}

static struct weft_ip group(unsigned i)
{
	if (i % 2)
		return (struct weft_ip){.b = {0xff, 0x0e, [15] = (uint8_t)i}};
	return weft_ip_from_v4(htonl(0xef010100 + i));
}

static uint16_t vlan(unsigned i)
{
	return i ? 7 : 0;
}

static void retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	fn(obj); // at once, so that a sanitizer sees who looks again
}

static bool ask(void *ctx, const struct dp_snoop_question *q)
{
	struct world *w = ctx;
	struct weft_ip all = dp_snoop_link_of(!weft_ip_is_v4(&q->group));

	w->last = *q;
	w->asked++;
	w->asked_all += weft_ip_equal(&q->group, &all);
	return true;
}

static bool there(void *ctx, const struct ft_listener *at)
{
	const struct world *w = ctx;

	return place_of(at) >= PLACES || !w->away[place_of(at)];
}

static struct world world(const struct dp_snoop_settings *set)
{
	return (struct world){.set = *set, .now = 1000};
}

static void begin(struct world *w)
{
	const struct dp_snoop_hooks hooks = {w, retire, ask, there};

	w->s = dp_snoop_new(rng(), &hooks);
	assert_non_null(w->s);
	dp_snoop_set(w->s, &w->set);
}

static void seconds(struct world *w, unsigned n)
{
	while (n--)
		dp_snoop_tick(w->s, ++w->now, false);
}

static void hear(struct world *w, enum dp_snoop_what what, unsigned g, unsigned v, unsigned p)
{
	struct dp_snoop_news news = {
		.what = what, .at = place(p), .group = group(g), .vlan = vlan(v)};

	if (what == DP_SNOOP_QUERY || what == DP_SNOOP_ROUTER)
		news.group = dp_snoop_link_of(g % 2);
	dp_snoop_heard(w->s, &news, w->now);
}

// A bit for each place; UINT32_MAX: everywhere.
static uint32_t places(const struct dp_snoop_list *l)
{
	uint32_t set = 0;

	for (unsigned i = 0; l && i < l->n; i++) {
		uint32_t bit = 1u << place_of(&l->at[i]);

		assert_int_equal(set & bit, 0); // none twice
		assert_int_equal(l->at[i].ofport != WEFT_OFPORT_OVERLAY, i < l->ports);
		set |= bit;
	}
	return l ? set : UINT32_MAX;
}

static uint32_t data(const struct world *w, unsigned g, unsigned v, bool strict)
{
	struct weft_ip ip = group(g);

	return places(dp_snoop_data(w->s, &ip, vlan(v), strict));
}

static struct weft_ipc_snoop_stats stats(const struct world *w)
{
	struct weft_ipc_snoop_stats s;

	dp_snoop_stats(w->s, &s);
	return s;
}

static const struct dp_snoop_settings usual = {.on = true,
	.querier = true,
	.age_s = 260,
	.leave_s = 2,
	.max_groups = 100,
	.max_port_groups = 100};

static void nothing_is_left_out_before_everybody_was_asked(void **state)
{
	struct world w = world(&usual);

	begin(&w);
	seconds(&w, 1);
	assert_int_equal(w.asked_all, 2); // of each family
	assert_int_equal(w.last.response_ds, 10);
	hear(&w, DP_SNOOP_JOIN, 0, 0, 1);
	assert_int_equal(data(&w, 0, 0, true), UINT32_MAX);
	seconds(&w, 3);
	assert_int_equal(data(&w, 0, 0, true), 1 << 1);
	assert_int_equal(data(&w, 2, 0, true), 0);
	assert_int_equal(data(&w, 2, 0, false), UINT32_MAX);
	assert_int_equal(w.asked_all, 4);
	seconds(&w, 125);
	assert_int_equal(w.asked_all, 6);
	assert_int_equal(w.last.response_ds, 100);
	assert_int_equal(w.last.interval_s, 125);
	// Another VLAN is another network.
	assert_int_equal(data(&w, 0, 1, true), UINT32_MAX);
	dp_snoop_free(w.s);
}

static void where_nobody_asks_nothing_is_left_out(void **state)
{
	struct dp_snoop_settings set = usual;
	struct world w = world(&set);

	w.set.querier = false;
	begin(&w);
	hear(&w, DP_SNOOP_JOIN, 0, 0, 1);
	seconds(&w, 100);
	assert_int_equal(w.asked, 0);
	assert_int_equal(data(&w, 0, 0, true), UINT32_MAX);
	hear(&w, DP_SNOOP_ROUTER, 0, 0, 2); // PIM does not ask
	seconds(&w, 20);
	assert_int_equal(data(&w, 0, 0, true), UINT32_MAX);
	hear(&w, DP_SNOOP_QUERY, 0, 0, 4);
	assert_int_equal(data(&w, 0, 0, true), UINT32_MAX);
	seconds(&w, 11);
	assert_int_equal(data(&w, 0, 0, true), 1 << 1 | 1 << 2 | 1 << 4);
	hear(&w, DP_SNOOP_JOIN, 0, 0, 1);
	seconds(&w, 254 - 11); // RFC 3376, 8.5: 255 s after the query
	assert_int_not_equal(data(&w, 0, 0, true), UINT32_MAX);
	seconds(&w, 1);
	assert_int_equal(data(&w, 0, 0, true), UINT32_MAX);
	dp_snoop_free(w.s);
}

static void the_switch_asks_while_no_router_does(void **state)
{
	struct world w = world(&usual);

	begin(&w);
	seconds(&w, 4);
	hear(&w, DP_SNOOP_QUERY, 0, 0, 4);
	hear(&w, DP_SNOOP_JOIN, 0, 0, 1);
	w.asked = 0;
	seconds(&w, 254);
	assert_int_equal(w.asked, 2); // of IPv6 alone
	w.asked = w.asked_all = 0;
	seconds(&w, 1);
	assert_int_equal(w.asked_all, 1);
	seconds(&w, 2); // whoever listens has so long to say so
	assert_int_equal(data(&w, 0, 0, true), 1 << 1);
	dp_snoop_free(w.s);
}

static void who_leaves_is_asked_for(void **state)
{
	struct weft_ip left = group(0);
	struct world w = world(&usual);

	begin(&w);
	seconds(&w, 5);
	for (unsigned p = 0; p < PLACES; p++)
		hear(&w, DP_SNOOP_JOIN, 0, 0, p);
	w.asked = 0;
	hear(&w, DP_SNOOP_LEAVE, 0, 0, 0);
	assert_int_equal(w.asked, 1);
	assert_true(weft_ip_equal(&w.last.group, &left));
	hear(&w, DP_SNOOP_LEAVE, 0, 0, 5);
	assert_int_equal(w.asked, 1); // there its own switch asks
	hear(&w, DP_SNOOP_LEAVE, 0, 0, 1);
	seconds(&w, 1);
	assert_int_equal(data(&w, 0, 0, true), 0x3f);
	assert_int_equal(w.asked, 3); // one for each that left, and once more
	hear(&w, DP_SNOOP_JOIN, 0, 0, 1);
	seconds(&w, 1);
	assert_int_equal(data(&w, 0, 0, true), 0x1e);
	w.set.leave_s = 0;
	dp_snoop_set(w.s, &w.set);
	hear(&w, DP_SNOOP_LEAVE, 0, 0, 1);
	hear(&w, DP_SNOOP_LEAVE, 0, 0, 4);
	assert_int_equal(data(&w, 0, 0, true), 0x1c); // behind the VTEP there may be others
	seconds(&w, 2);
	assert_int_equal(data(&w, 0, 0, true), 0x0c);
	dp_snoop_free(w.s);
}

static void fix(struct world *w, unsigned p, bool fixed)
{
	w->fixed[p] = fixed;
	w->set.n_routers = 0;
	for (unsigned i = 0; i < PLACES; i++)
		if (w->fixed[i])
			w->set.router[w->set.n_routers++] = place(i);
	dp_snoop_set(w->s, &w->set);
}

static void routers_that_are_configured_need_not_be_heard(void **state)
{
	struct world w = world(&usual);

	begin(&w);
	fix(&w, 1, true);
	fix(&w, 4, true);
	seconds(&w, 5);
	for (unsigned g = 0; g < 2; g++) // of either family
		assert_int_equal(data(&w, g, 0, true), 1 << 1 | 1 << 4);
	hear(&w, DP_SNOOP_JOIN, 0, 0, 0);
	assert_int_equal(data(&w, 0, 0, false), 1 << 0 | 1 << 1 | 1 << 4);
	seconds(&w, 100000);
	assert_int_equal(data(&w, 0, 0, true), 1 << 1 | 1 << 4);
	w.away[4] = true;
	seconds(&w, 1);
	assert_int_equal(data(&w, 0, 0, true), 1 << 1);
	w.away[4] = false;
	seconds(&w, 1);
	assert_int_equal(stats(&w).routers, 4);
	// One that asks, and falls silent, is a router still, and the switch asks.
	w.asked = 0;
	hear(&w, DP_SNOOP_QUERY, 0, 0, 1);
	seconds(&w, 254);
	assert_int_equal(w.asked, 2); // of IPv6 alone
	seconds(&w, 3);
	assert_true(w.asked > 3);
	assert_int_equal(data(&w, 0, 0, true), 1 << 1 | 1 << 4);
	// One that is not configured any more is forgotten, or goes on as one that was heard.
	hear(&w, DP_SNOOP_ROUTER, 0, 0, 4);
	fix(&w, 1, false);
	fix(&w, 4, false);
	seconds(&w, 1);
	assert_int_equal(data(&w, 0, 0, true), 1 << 4);
	assert_int_equal(data(&w, 1, 0, true), 0);
	dp_snoop_free(w.s);
}

static void configured_routers_do_not_keep_a_vlan(void **state)
{
	struct world w = world(&usual);

	begin(&w);
	fix(&w, 2, true);
	hear(&w, DP_SNOOP_JOIN, 0, 1, 0);
	seconds(&w, 5);
	assert_int_equal(data(&w, 0, 1, true), 1 << 0 | 1 << 2);
	assert_int_equal(stats(&w).links, 3);
	seconds(&w, 260);
	assert_int_equal(stats(&w).links, 2);
	assert_int_equal(stats(&w).routers, 2);
	hear(&w, DP_SNOOP_QUERY, 0, 1, 2); // a router that is heard does
	seconds(&w, 200);
	assert_int_equal(data(&w, 0, 1, true), 1 << 2);
	assert_int_equal(stats(&w).links, 3);
	dp_snoop_free(w.s);
}

static void limits_hold_and_are_counted(void **state)
{
	struct world w = world(&usual);

	w.set.max_groups = 3;
	w.set.max_port_groups = 2;
	begin(&w);
	for (unsigned g = 0; g < 3; g++)
		hear(&w, DP_SNOOP_JOIN, g, 0, 0);
	assert_int_equal(stats(&w).over_port, 1);
	for (unsigned g = 0; g < 4; g++)
		hear(&w, DP_SNOOP_JOIN, g, 0, 4); // behind a VTEP there are many ports
	assert_int_equal(stats(&w).over_tenant, 1);
	assert_int_equal(stats(&w).groups, 3);
	assert_int_equal(stats(&w).members, 5);
	for (unsigned v = 0; v < 100; v++) {
		struct dp_snoop_news news = {.what = DP_SNOOP_QUERY,
			.at = place(1),
			.group = dp_snoop_link_of(false),
			.vlan = (uint16_t)v};

		dp_snoop_heard(w.s, &news, w.now);
	}
	assert_int_equal(stats(&w).links, 5);
	w.set.on = false;
	dp_snoop_set(w.s, &w.set);
	assert_int_equal(stats(&w).groups + stats(&w).members + stats(&w).links, 0);
	dp_snoop_free(w.s);
}

// And leave again, others in their place.
static void every_port_of_a_host_may_listen(void **state)
{
	struct weft_ip ip = group(0);
	struct world w = world(&usual);

	w.set.leave_s = 0;
	begin(&w);
	seconds(&w, 5);
	for (unsigned round = 0; round < 2; round++) {
		struct dp_snoop_news news = {.group = ip};

		for (news.at.ofport = 1; news.at.ofport <= 1000; news.at.ofport++)
			dp_snoop_heard(w.s, &news, w.now);
		assert_int_equal(dp_snoop_data(w.s, &ip, 0, true)->ports, 1000);
		assert_int_equal(stats(&w).over_port, 0);
		news.what = DP_SNOOP_LEAVE;
		for (news.at.ofport = 1; news.at.ofport <= 1000; news.at.ofport += 2)
			dp_snoop_heard(w.s, &news, w.now);
		assert_int_equal(dp_snoop_data(w.s, &ip, 0, true)->ports, 500);
	}
	dp_snoop_free(w.s);
}

// ---- the oracle: everybody and his time

struct who {
	bool is, leaving, querier;
	uint32_t expires;
};

struct plain {
	struct who member[GROUPS][VLANS][PLACES];
	struct who router[2][VLANS][PLACES];
	bool entry[GROUPS][VLANS];
	bool heard[2][VLANS];
	uint32_t fixed; // places, since the last second
};

static bool plain_heard(const struct plain *o, unsigned family, unsigned v)
{
	bool heard = false;

	for (unsigned p = 0; p < PLACES; p++)
		heard |= o->router[family][v][p].is && o->router[family][v][p].querier;
	return heard;
}

static bool plain_may(
	const struct world *w, const struct plain *o, unsigned g, unsigned v, unsigned p)
{
	unsigned entries = 0, of_port = 0;

	for (unsigned i = 0; i < GROUPS * VLANS; i++) {
		entries += o->entry[i / VLANS][i % VLANS];
		of_port += o->member[i / VLANS][i % VLANS][p].is;
	}
	if (!o->entry[g][v] && entries >= w->set.max_groups)
		return false;
	return p >= PLACES / 2 || of_port < w->set.max_port_groups;
}

static void plain_leave(const struct world *w, struct who *m, unsigned p, bool asked)
{
	uint32_t wait = p >= PLACES / 2 && w->set.leave_s < 2 ? 2 : w->set.leave_s;

	if (!m->is || m->expires <= w->now + wait || (p >= PLACES / 2 && !asked))
		return;
	m->expires = w->now + wait;
	m->is = wait;
}

static void plain_hear(const struct world *w, struct plain *o, enum dp_snoop_what what, unsigned g,
	unsigned v, unsigned p, bool asked)
{
	struct who *m = &o->member[g][v][p], *r = &o->router[g % 2][v][p];
	uint32_t half = w->set.age_s / 8 < 10 ? w->set.age_s / 16 : 5;

	if (w->away[p])
		return;
	if (what == DP_SNOOP_LEAVE) {
		plain_leave(w, m, p, asked);
	} else if (what == DP_SNOOP_JOIN) {
		if (!m->is && !plain_may(w, o, g, v, p))
			return;
		*m = (struct who){.is = true, .expires = w->now + w->set.age_s};
		o->entry[g][v] = true;
	} else {
		r->querier = what == DP_SNOOP_QUERY || (r->is && r->querier);
		r->is = true;
		r->expires = w->now + w->set.age_s - (r->querier ? (half > 2 ? half : 2) : 0);
	}
}

static void plain_expire(const struct world *w, struct who who[PLACES])
{
	for (unsigned p = 0; p < PLACES; p++)
		who[p].is &= who[p].expires > w->now && !w->away[p];
}

// Nobody of these is forgotten before he could answer.
static void plain_ask(const struct world *w, struct who who[PLACES])
{
	for (unsigned p = 0; p < PLACES; p++)
		if (who[p].expires < w->now + 3)
			who[p].expires = w->now + 3;
}

static uint32_t plain_places(const struct who who[PLACES])
{
	uint32_t set = 0;

	for (unsigned p = 0; p < PLACES; p++)
		set |= (uint32_t)who[p].is << p;
	return set;
}

static void plain_second(const struct world *w, struct plain *o)
{
	o->fixed = 0;
	for (unsigned p = 0; p < PLACES; p++)
		o->fixed |= (uint32_t)(w->fixed[p] && !w->away[p]) << p;
	for (unsigned i = 0; i < GROUPS * VLANS; i++)
		plain_expire(w, o->member[i / VLANS][i % VLANS]);
	for (unsigned f = 0; f < 2; f++)
		for (unsigned v = 0; v < VLANS; v++) {
			bool was = o->heard[f][v];

			plain_expire(w, o->router[f][v]);
			o->heard[f][v] = plain_heard(o, f, v);
			for (unsigned g = f; was && !o->heard[f][v] && g < GROUPS; g += 2)
				plain_ask(w, o->member[g][v]);
		}
	for (unsigned i = 0; i < GROUPS * VLANS; i++)
		o->entry[i / VLANS][i % VLANS] = plain_places(o->member[i / VLANS][i % VLANS]);
}

// Returns how many answers were not "everywhere".
static unsigned compare(const struct world *w, const struct plain *o)
{
	unsigned told = 0;

	for (unsigned i = 0; i < GROUPS * VLANS; i++) {
		unsigned g = i / VLANS, v = i % VLANS;
		uint32_t routers = plain_places(o->router[g % 2][v]) | o->fixed;
		uint32_t strict = data(w, g, v, true), lax = data(w, g, v, false);

		if (strict == UINT32_MAX) {
			assert_int_equal(lax, UINT32_MAX);
			continue;
		}
		told++;
		assert_int_equal(strict, plain_places(o->member[g][v]) | routers);
		assert_int_equal(lax, o->entry[g][v] ? strict : UINT32_MAX);
		assert_int_equal(places(dp_snoop_routers(w->s, g % 2, vlan(v))), routers);
	}
	return told;
}

static unsigned play(unsigned rounds)
{
	struct world w = world(&usual);
	struct plain o = {0};
	unsigned told = 0;

	w.set = (struct dp_snoop_settings){.on = true,
		.querier = rng() % 3,
		.age_s = 5 + rng() % 60,
		.leave_s = rng() % 5,
		.max_groups = 6 + rng() % 12,
		.max_port_groups = 2 + rng() % 12};
	begin(&w);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned kind = rng() % 41, g = rng() % GROUPS, v = rng() % VLANS;
		unsigned p = rng() % PLACES;
		enum dp_snoop_what what = kind < 14   ? DP_SNOOP_JOIN
					  : kind < 20 ? DP_SNOOP_LEAVE
					  : kind < 22 ? DP_SNOOP_QUERY
						      : DP_SNOOP_ROUTER;

		if (kind < 23) {
			plain_hear(&w, &o, what, g, v, p, dp_snoop_routers(w.s, g % 2, vlan(v)));
			hear(&w, what, g, v, p);
		} else if (kind < 39) {
			w.now++;
			plain_second(&w, &o);
			dp_snoop_tick(w.s, w.now, !(rng() % 50));
		} else if (kind < 40) {
			w.away[p] = !w.away[p];
		} else {
			fix(&w, p, !w.fixed[p]);
		}
		told += compare(&w, &o);
	}
	dp_snoop_free(w.s);
	return told;
}

static void random_news(void **state)
{
	unsigned told = 0;

	for (unsigned i = 0; i < 200; i++)
		told += play(600);
	assert_true(told > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_out_before_everybody_was_asked),
		cmocka_unit_test(where_nobody_asks_nothing_is_left_out),
		cmocka_unit_test(the_switch_asks_while_no_router_does),
		cmocka_unit_test(who_leaves_is_asked_for),
		cmocka_unit_test(routers_that_are_configured_need_not_be_heard),
		cmocka_unit_test(configured_routers_do_not_keep_a_vlan),
		cmocka_unit_test(limits_hold_and_are_counted),
		cmocka_unit_test(every_port_of_a_host_may_listen),
		cmocka_unit_test(random_news),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
