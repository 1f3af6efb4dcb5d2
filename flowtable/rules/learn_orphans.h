// SPDX-License-Identifier: Apache-2.0
#pragma once
// The end of rules that were learned with WEFT_LEARN_DELETE: they go with the last rule that
// learned to their table and cookie.
//
// They may be a hundred thousand, so a commit takes along what one step finds; of a larger number
// the rest goes in transactions of its own, a step each (aftermath.h). ovs-actions(7) asks for no
// more: packets may meet some of them a while after their learner, as they would have met all of
// them the moment before. OpenFlow promises of a bundle alone that packets meet it whole, and so
// whoever commits one has it completed before (ft_txn_complete_some()).
//
// What comes in between is as if they had gone at once: a rule is theirs if it was there, or
// staged, when the transaction that made them orphans was committed. A rule of the same table and
// cookie that is added or learned since stays, and a learner that comes back learns anew. What is
// modified meanwhile goes: it would not have been there to be modified.
//
// They are found by their cookie, from a rule's number on, which may have gone or be another's
// when the next step comes; then the search begins anew. So it is over when it has gone through
// the whole chain and found none.

#include <stdbool.h>

struct ft_switch;
struct ft_txn;

// A step, in the open transaction. What goes here may have learned in turn.
void ft_learn_orphans(struct ft_switch *);
// The transaction is published, or was undone.
void ft_learn_orphans_committed(struct ft_switch *);
void ft_learn_orphans_aborted(struct ft_switch *, const struct ft_txn *);
// There is no memory to go on with: what is left stays, as rules of nobody.
void ft_learn_orphans_give_up(struct ft_switch *);
