// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests that each have one side (side.h), made anew: what sets it up and takes it down.

#include "side.h"

#define PORTS 4u

static struct side it;

static inline int setup(void **state)
{
	it = side_new(PORTS);
	return 0;
}

static inline int teardown(void **state)
{
	side_free(&it);
	return 0;
}
