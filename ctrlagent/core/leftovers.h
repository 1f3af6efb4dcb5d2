// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an apply leaves when it is over. To free it takes milliseconds where it was about thousands
// of tenants, so a thread does that.

#include <event2/event.h>

#include "config/config.h"
#include "reconcile/plan.h"

struct leftovers {
	struct config *config; // NULL: none
	struct plan plan;
	struct model *current; // free() it, too; NULL: none
	struct model desired;
};

// Takes all of it.
void leftovers_free(struct event_base *base, const struct leftovers *l);
// The program ends: waits until all is freed.
void leftovers_wait(void);
