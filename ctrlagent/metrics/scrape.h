// SPDX-License-Identifier: Apache-2.0
#pragma once
// Collects all metrics once: what the agent knows at once, the rest by dumps of the data plane.

#include "core/core.h"

// `done` is called once; maybe before this returns, if the data plane is away. It frees `text`.
typedef void (*scrape_done_fn)(void *arg, char *text);
void scrape(struct agent *agent, scrape_done_fn done, void *arg);
