// SPDX-License-Identifier: Apache-2.0
#include "dp_heap.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static bool wanted;
static uintptr_t told; // up to here the kernel knows

static uintptr_t page_up(uintptr_t at)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	return (at + page - 1) / page * page;
}

void dp_heap_start(bool huge)
{
	wanted = huge && mallopt(M_TOP_PAD, DP_HEAP_STEP) && mallopt(M_MMAP_THRESHOLD, DP_HEAP_OWN);
	told = page_up((uintptr_t)sbrk(0));
	dp_heap_run();
}

// Trimmed and grown again, it has new memory below what was told of.
void dp_heap_run(void)
{
	uintptr_t end = wanted ? (uintptr_t)sbrk(0) : told;

	if (end > told)
		madvise((void *)told, end - told, MADV_HUGEPAGE);
	told = page_up(end);
}
