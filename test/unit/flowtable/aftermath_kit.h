// SPDX-License-Identifier: Apache-2.0
#pragma once
// A large switch whose changes leave something to be done, and doing it. Counted is work, not time.

#include "learn_kit.h"

#include "flowtable/rules/aftermath.h"

#define TABLE 1u

static unsigned came, awaited; // calls of env's

static inline void on_aftermath(void *ctx, void *sw_ctx, bool is_awaited)
{
	came++;
	awaited += is_awaited;
}

static inline int setup_large(void **state)
{
	setup(state);
	came = awaited = 0;
	t.w->sw->env.aftermath = on_aftermath;
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){100000, 10, 10, 10});
	return 0;
}

static inline struct weft_match match_of(uint32_t n)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_DST, n);
	return pattern_match(&p);
}

static inline unsigned run_all(void)
{
	unsigned steps = 0;

	while (ft_aftermath_run(t.w->sw))
		assert_true(++steps < 10000);
	assert_false(ft_aftermath_any(t.w->sw));
	return steps;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_large, teardown)
