// SPDX-License-Identifier: Apache-2.0
#pragma once
// fin_timeout: a rule lives shorter once a TCP connection ends (ovs-actions(7), fin_timeout).
//
// The worker that sees FIN or RST tells the writer, by the ring that learned rules take, which rule
// it was and what its timeouts may be from now on; the writer makes the rule a successor with the
// smaller timeouts, in a transaction of its own. A loss is no harm: the next packet with FIN or RST
// asks again, as long as there is something to shorten. The rule is the one whose list has the
// action; in a packet-out there is none, and nothing happens.

#include <weft/action.h>

struct ft_burst;
struct ft_learned;
struct ft_run;
struct ft_switch;

// Worker.
void ft_fin_run(struct ft_burst *, struct ft_run *, const struct weft_action_fin_timeout *);

// Is it that, and no learned rule? Then ft_fin_apply() does what ft_learn_apply() promises.
bool ft_is_fin(const struct ft_learned *);
enum weft_error ft_fin_apply(struct ft_switch *, const struct ft_learned *);
