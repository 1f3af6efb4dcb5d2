// SPDX-License-Identifier: Apache-2.0
#pragma once
// A packet that runs by itself, not in a burst of a port: a packet-out, or one that goes on after a
// pause. Large: for the stack of one call. Worker.

#include "flowtable/packet/exec.h"
#include "flowtable/packet/pause.h"

struct ft_single {
	struct ft_burst b;
	struct ft_run run;
	struct ft_action_set set;
	struct ft_budget budget;
	struct ft_pause pause;
	struct ft_stack stacks[FT_BURST];
};

// With an empty action set.
static inline void ft_single_init(struct ft_single *s, struct ft_switch *sw, unsigned worker,
	uint64_t now_ns, struct ft_packet *pkt, struct ft_sink *sink)
{
	ft_burst_init(&s->b, sw, worker, now_ns, sink);
	s->b.stacks = s->stacks;
	s->b.pause = &s->pause;
	s->pause.run = NULL;
	ft_run_init(&s->run, pkt, &s->budget);
	s->run.set = &s->set;
	ft_set_clear(&s->set);
}
