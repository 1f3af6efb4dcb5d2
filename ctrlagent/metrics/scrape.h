// SPDX-License-Identifier: Apache-2.0
#pragma once
// Collects all metrics once: what the agent knows in pieces (core/pieces.h), the rest by dumps of
// the data plane. A thread puts them in order, for of 16,000 tenants they are very many.

#include "core/core.h"

// `done` is called once, from the loop. It frees `text`.
typedef void (*scrape_done_fn)(void *arg, char *text, size_t len);
void scrape(struct agent *agent, scrape_done_fn done, void *arg);
// The program ends, and the agent has: what was asked for and is not told yet is told now, as far
// as it is known.
void scrape_end_all(void);
