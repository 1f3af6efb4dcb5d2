// SPDX-License-Identifier: Apache-2.0
#pragma once
// The commands that there are: one table for the client (help, usage) and the server (what to run).

#include <stdbool.h>
#include <stddef.h>

#define CLI_DEFAULT_SOCKET "/run/weft/agent.sock"

struct cli_option {
	const char *name;  // without the hyphens; NULL ends a list
	const char *value; // what follows it, "N"; NULL: nothing
	const char *help;
};

struct cli_verb {
	const char *noun;     // "flow"; or the whole command, "show"
	const char *verbs;    // "list show": equal words, the first may be left out; NULL: none
	const char *operands; // "TENANT [MAC]": capitals, in brackets what may be left out
	unsigned min_operands, max_operands;
	const struct cli_option *options;
	const char *help; // one line
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verb_count;

// The command that `words` begins with; *used is how many words that takes. NULL: none.
const struct cli_verb *cli_verb_find(const char *const *words, size_t count, size_t *used);

const struct cli_option *cli_option_find(const struct cli_verb *verb, const char *name);
