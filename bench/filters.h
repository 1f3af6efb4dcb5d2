// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filter sets as ClassBench writes them (Taylor and Turner, INFOCOM 2005), or made here after the
// same habits from a seed, as matches and flow keys.
//
// A filter is a prefix of both addresses, ranges of both ports and a protocol. A range becomes the
// fewest prefixes that make it up, so one filter may be many rules. TCP flags are left out. Earlier
// filters come first: priorities fall from 65535 evenly, some neighbours of a long set share one.

#include <stddef.h>
#include <weft/match.h>

struct filter_rule {
	struct weft_match match;
	uint16_t priority;
};

struct filter_flow {
	uint32_t src, dst; // host order
	uint16_t sport, dport;
	uint8_t proto;
};

struct filters {
	size_t n_filters;
	size_t n_rules;
	struct filter_rule *rule;
	size_t n_flows;
	struct filter_flow *flow; // a trace: NULL: none read
};

// `path`.gz, and `path`_trace.gz if there is one, else flows made from the rules. False: can't be
// read; a malformed line ends the program.
bool filters_load(struct filters *, const char *path);
void filters_make(struct filters *, size_t filters, uint64_t seed);
void filters_free(struct filters *);
// Of an IPv4 packet that came in by port 1.
struct weft_flow_key filters_key(const struct filter_flow *);
