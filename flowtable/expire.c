// SPDX-License-Identifier: Apache-2.0
// Idle and hard timeouts: OpenFlow 1.3.5, 5.5.
#include "flowtable/switch.h"
#include "flowtable/tables.h"

// Why it is to go now; false: it was used meanwhile, and is due again at *due_ns.
static bool expired(const struct ft_switch *sw, const struct ft_rule *r, uint64_t now_ns,
	uint64_t *due_ns, uint8_t *reason)
{
	uint64_t hard_ns = r->program->hard_timeout * FT_SECOND_NS;

	*due_ns = ft_rule_due_ns(sw, r, ft_ids_sum(sw, r).used_ns);
	*reason = hard_ns && now_ns >= ft_rule_since_ns(sw, r) + hard_ns ? WEFT_REMOVED_HARD
							       : WEFT_REMOVED_IDLE;
	return *due_ns <= now_ns;
}

unsigned ft_expire(struct ft_switch *sw)
{
	uint64_t now_ns = sw->env.now_ns(sw->env.ctx), due_ns;
	struct ft_rule *r;
	unsigned gone = 0;
	uint8_t reason;
	size_t mark;

	if (sw->txn || !ft_request_begin(sw, &mark))
		return 0;
	// With no memory the rest is due at the next call. What is popped leaves room to be put
	// back.
	while (ft_txn_reserve(sw->txn, 1) && (r = ft_timers_pop(sw, now_ns))) {
		if (expired(sw, r, now_ns, &due_ns, &reason)) {
			ft_stage_del(sw, r, reason);
			gone++;
		} else {
			ft_timers_add(sw, r, due_ns);
		}
	}
	ft_request_finish(sw, mark, WEFT_E_NONE);
	return gone;
}
