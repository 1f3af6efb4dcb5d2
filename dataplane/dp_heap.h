// SPDX-License-Identifier: Apache-2.0
#pragma once
// Huge pages under the heap.
//
// A thousand tenants' tables lie all over some hundred megabytes, and a packet of another tenant
// looks at some forty places of them: with pages of 4 KiB nearly each is a miss of the TLB, too.
// All of that comes from malloc, by the control thread, which is the main thread; so it lies in the
// process's data segment. glibc could ask for huge pages by itself, but only as an environment
// variable wants it (GLIBC_TUNABLES=glibc.malloc.hugetlb=1), not the program. So here the segment
// is made to grow in large steps, and after each the kernel is told that it may use huge pages for
// what came (MADV_HUGEPAGE). Where it has none, or none is wanted, nothing is different.
//
// Single allocations of DP_HEAP_OWN bytes and more still have pages of their own, which go back to
// the kernel when they are freed. Main thread.

#include <stdbool.h>

#define DP_HEAP_STEP (32u << 20) // bytes
#define DP_HEAP_OWN (4u << 20)   // bytes

// Before anything large is allocated.
void dp_heap_start(bool huge);
// Often: after each request that may have allocated something. Looks whether the heap has grown,
// which costs nothing if not. What was touched before it is told of is in small pages, and the step
// that is begun is told of when its first request is done.
void dp_heap_run(void);
