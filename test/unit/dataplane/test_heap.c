// SPDX-License-Identifier: Apache-2.0
// Whether the kernel is told of the heap's memory as it grows. Where it knows no huge pages, or the
// heap is a sanitizer's, there is nothing to see, and the test is skipped.
#include "dp_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Of the mapping that has the address: whether huge pages may be used there.
static bool told_of(const void *at)
{
	uintptr_t from, to;
	bool here = false, told = false;
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (here && !strncmp(line, "VmFlags:", 8))
			told = strstr(line, " hg") != NULL;
	}
	fclose(f);
	return told;
}

static bool in_heap(const void *at, const void *start)
{
	return at >= start && (const char *)at < (const char *)sbrk(0);
}

static void is_told_of_what_comes(void **state)
{
	enum {
		PIECES = 3 * DP_HEAP_STEP / 65536
	};
	static void *piece[PIECES];
	void *start = sbrk(0);

	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK))
		skip();
	dp_heap_start(true);
	for (unsigned i = 0; i < PIECES; i++) {
		piece[i] = malloc(65536);
		assert_non_null(piece[i]);
		memset(piece[i], 1, 65536);
		dp_heap_run();
	}
	if (!in_heap(piece[PIECES - 1], start))
		skip();
	for (unsigned i = 1; i < 4; i++)
		assert_true(told_of(piece[i * (PIECES - 1) / 3]));
	for (unsigned i = 0; i < PIECES; i++)
		free(piece[i]);
	dp_heap_run();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_told_of_what_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
