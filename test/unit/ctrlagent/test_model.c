// SPDX-License-Identifier: Apache-2.0
// Finders against a list that is gone through, and what a plan for many tenants looks at: as much
// for each of them, however many there are.
#include "finder.h"
#include "reconcile/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"

// ---- finders

#define HASHES 97u // so that many are alike
#define MOST 600u

static uint32_t list[MOST], count;

static void agrees_on(const struct finder *f, uint32_t hash)
{
	bool seen[MOST] = {false};
	uint32_t n = 0, all = 0;

	FINDER_EACH (at, f, hash) {
		assert_true(at < count && list[at] == hash && !seen[at]);
		seen[at] = true;
		n++;
	}
	for (uint32_t i = 0; i < count; i++)
		all += list[i] == hash;
	assert_int_equal(n, all);
}

static void a_finder_finds_what_a_list_has(void **state)
{
	struct finder f = {0};

	for (unsigned round = 0; round < 20000; round++) {
		bool grows = round / 4000 % 2 == 0;
		if (count < MOST && (!count || rng() % 4 < (grows ? 3 : 1))) {
			list[count] = rng() % HASHES * 0x01000193u;
			finder_add(&f, list[count++]);
		} else {
			uint32_t at = rng() % count;
			finder_remove(&f, at);
			list[at] = list[--count];
		}
		agrees_on(&f, rng() % HASHES * 0x01000193u);
	}
	for (uint32_t h = 0; h < HASHES; h++)
		agrees_on(&f, h * 0x01000193u);
	finder_free(&f);
}

static void those_that_came_first_are_found_first(void **state)
{
	struct finder f = {0};
	uint32_t next = 0;

	for (uint32_t i = 0; i < 1000; i++)
		finder_add(&f, i % 7);
	FINDER_EACH (at, &f, 3) {
		assert_int_equal(at % 7, 3);
		assert_true(at == 3 || at == next);
		next = at + 7;
	}
	assert_true(next > 993);
	finder_free(&f);
}

// ---- plans

static struct config *config_of(unsigned tenants)
{
	struct text text = {0};
	struct config *c;
	char *errors;

	text_add(&text, "host: {name: h, vtep: 172.16.0.1}\ntenants:\n");
	for (unsigned i = 0; i < tenants; i++)
		text_add(&text,
			"  - {name: t%u, encap: vxlan, vni: %u, vteps: [172.17.%u.%u, "
			"172.16.0.2],\n"
			"     ports: [{name: p, number: 1, kind: null}]}\n",
			i, i, i / 250, 1 + i % 250);
	c = config_parse("weft.yaml", text.at, text.len, &errors);
	if (!c)
		fail_msg("%s", errors);
	free(text.at);
	return c;
}

static void add_first_half(struct model *to, const struct model *from)
{
	for (size_t i = 0; i < from->tenants.count / 2; i++)
		model_add_tenant(to, &from->tenants.at[i]);
	for (size_t i = 0; i < from->ports.count / 2; i++)
		model_add_port(to, &from->ports.at[i]);
	for (size_t i = 0; i < from->vteps.count / 2; i++)
		model_add_vtep(to, &from->vteps.at[i]);
}

// Links looked at to plan for so many tenants, half of which are there; for each.
static double steps_of_a_tenant(unsigned tenants)
{
	struct config *config = config_of(tenants);
	struct model nothing = {0}, half = {0}, desired;
	struct model_ids ids = {0};
	struct plan plan;
	uint64_t before;

	model_desire(config, &nothing, &ids, &desired);
	half.host = desired.host;
	add_first_half(&half, &desired);
	model_free(&desired);
	before = finder_steps();
	model_desire(config, &half, &ids, &desired);
	plan_make(&plan, &half, &desired);
	plan_add_switches(&plan, config, config);
	before = finder_steps() - before;
	assert_int_equal(plan.ops.count, tenants / 2 * 4); // itself, a port, two VTEPs
	assert_int_equal(plan.added, tenants / 2 * 4);
	plan_free(&plan);
	model_free(&desired);
	model_free(&half);
	config_free(config);
	return (double)before / tenants;
}

static void a_tenant_costs_the_same_among_many(void **state)
{
	double few = steps_of_a_tenant(100), many = steps_of_a_tenant(6400);

	printf("links looked at for a tenant: %.1f of 100, %.1f of 6,400\n", few, many);
	assert_true(few > 1); // or nobody counts
	assert_true(many < 2 * few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_finder_finds_what_a_list_has),
		cmocka_unit_test(those_that_came_first_are_found_first),
		cmocka_unit_test(a_tenant_costs_the_same_among_many),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
