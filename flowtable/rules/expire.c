// SPDX-License-Identifier: Apache-2.0
// Idle and hard timeouts: OpenFlow 1.3.5, 5.5. As things stood when the counters were told last: a
// rule that has not been used for so long until then is due, whether it was since or not.
#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"

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

// In a transaction that the first one opens. False: no memory, and nothing was done.
static bool stage(struct ft_switch *sw, struct ft_rule *r, uint8_t reason, size_t *mark)
{
	if (!sw->txn && !ft_request_begin(sw, mark))
		return false;
	if (!ft_txn_reserve(sw->txn, 1))
		return false;
	ft_stage_del(sw, r, reason);
	return true;
}

unsigned ft_expire(struct ft_switch *sw, unsigned *looks)
{
	uint64_t now_ns = ft_counted_ns(sw), due_ns;
	unsigned gone = 0;
	uint8_t reason;
	size_t mark;

	if (sw->txn)
		return 0;
	for (; *looks && ft_timers_due(sw, now_ns); --*looks) {
		struct ft_rule *r = ft_timers_pop(sw);

		if (!r)
			continue;
		// What is popped leaves room to be put back.
		if (!expired(sw, r, now_ns, &due_ns, &reason)) {
			ft_timers_add(sw, r, due_ns);
		} else if (stage(sw, r, reason, &mark)) {
			gone++;
		} else {
			ft_timers_add(sw, r, due_ns); // with more memory, perhaps, at the next call
			break;
		}
	}
	if (sw->txn)
		ft_request_finish(sw, mark, WEFT_E_NONE);
	return gone;
}
