// SPDX-License-Identifier: Apache-2.0
#pragma once
// controller(pause): a packet stops at an action, and goes on when its controller says so
// (ovs-actions(7), controller; include/weft/continuation.h has the form).
//
// Stopping. The action makes the packet-in wait as the run's last output and ends the list, like
// exit; on the way out each list and rule that is left writes down what it would still have done
// (ft_pause_rule(), ft_pause_list()), innermost first. Where the way began (a rule of the pipeline,
// a clone, a bucket, a packet-out) ft_pause_end() writes down the rest, and the run ends as any:
// nothing of the packet stays here. A clone or a bucket stops alone, what had it goes on.
//
// Going on. ft_switch_resume() is a packet-out whose lists are those written down. Its bounds are
// counted anew, so a packet may go in circles by way of its controller, at the controller's speed.
//
// A pass through egress tables (egress.h) stops alone, too, and goes on as that pass: towards the
// port that it was on its way to, if it is still there.
//
// Not done, and the packet is dropped (WEFT_DROP_ACTION_ERROR): if more than WEFT_PAUSE_BYTES would
// have to be written down. What a packet-in says of the rule (its cookie) is lost with the rule:
// after going on, outputs to the controller of the lists that were written down have none.

#include "flowtable/packet/exec.h"

#include <weft/continuation.h>

// Room for one, for `run` until its packet-in has gone to the sink.
struct ft_pause {
	const struct ft_run *run;       // NULL: it is free
	const struct weft_action *rest; // of the list that was left last
	uint32_t rest_len;
	uint32_t rules_len; // bytes in `rules`
	uint16_t n_rules;
	bool full;     // it does not fit
	bool set_done; // the action set was being executed
	uint64_t rules[WEFT_PAUSE_BYTES / 8];
	uint64_t bytes[WEFT_PAUSE_BYTES / 8]; // the whole
};

// The action. Always false, as the list is at its end.
bool ft_pause_start(struct ft_burst *, struct ft_run *, const struct weft_action_controller *);
// The list that has it goes on at `rest`, up to `end`.
void ft_pause_rest(struct ft_run *, const struct weft_action *rest, const void *end);
// The rule, or list, that ft_pause_rest() was told of would have gone on so. WEFT_PAUSED_CALLED.
void ft_pause_rule(struct ft_run *, const struct weft_instructions *, unsigned flags);
void ft_pause_list(struct ft_run *);
// `n` rules that were paused before, from `from` up to `end`, would have gone on after it.
void ft_pause_again(
	struct ft_run *, const struct weft_paused_rule *from, const void *end, unsigned n);
// Where the way began. The run is to be ended, and not paused any more.
void ft_pause_end(struct ft_burst *, struct ft_run *);
