// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a table's rules weigh, part by part, as malloc gave it out.

#include "flowtable/switch.h"

struct weight {
	size_t rules;
	size_t numbers;  // to rules, by number
	size_t counters; // of one worker
	size_t shapes;   // masks, and the map to them
	size_t tuples;
	size_t nodes, lanes, slots; // of a tree
};

void weigh(const struct ft_switch *, uint8_t table, struct weight *);
