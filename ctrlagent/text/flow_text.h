// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules as text, in the manner of ovs-ofctl dump-flows: fields by their OXM names, protocols by
// their short ones (ip, tcp, arp, …), ports by name.
//
// Fields share the words of the key (flow_key.h), so a word alone does not say what it means: a
// field is shown if its prerequisites are matched and no field before it has claimed the bits.

#include <weft/action.h>
#include <weft/flow.h>

struct text { // a growing string; starts as {0}; free(at)
	char *at;
	size_t len, capacity;
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Gives a port its name; NULL if it has none. `arg` is the caller's.
typedef const char *(*port_name_fn)(void *arg, uint32_t ofport);

struct flow_names {
	port_name_fn port;
	void *arg;
};

void text_add_port(struct text *t, const struct flow_names *names, uint32_t ofport);
void text_add_match(struct text *t, const struct flow_names *names, const struct weft_match *m);
void text_add_actions(
	struct text *t, const struct flow_names *names, const void *actions, size_t bytes);
void text_add_instructions(
	struct text *t, const struct flow_names *names, const struct weft_instructions *in);
