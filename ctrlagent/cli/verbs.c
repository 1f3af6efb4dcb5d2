// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs.h"

#include <string.h>

static const struct cli_option no_options[] = {{0}};

static const struct cli_option flow_options[] = {{"table", "N", "of this table only"}, {0}};

static const struct cli_option fdb_add_options[] = {
	{"vtep", "IP", "it is behind this remote VTEP"},
	{"port", "NAME", "it is behind this port"},
	{"vlan", "N", "inner VLAN; if absent, untagged"},
	{0},
};

static const struct cli_option fdb_del_options[] = {
	{"vlan", "N", "inner VLAN; if absent, untagged"}, {0}};

static const struct cli_option drops_options[] = {
	{"check", NULL, "compare what came with what went; status 1 if packets are missing"},
	{"rules", NULL, "the latest drops with the rule that did it"},
	{0},
};

static const struct cli_option apply_options[] = {
	{"dry-run", NULL, "only show what would change"}, {0}};

// clang-format off
const struct cli_verb cli_verbs[] = {
	{"show", NULL, "", 0, 0, no_options, "the whole at a glance"},
	{"tenant", "list show", "[TENANT]", 0, 1, no_options, "tenants, their network and quotas"},
	{"switch", "list show", "[TENANT]", 0, 1, no_options, "OpenFlow switches and their controllers"},
	{"port", "list show", "[TENANT]", 0, 1, no_options, "ports with their counters, uplinks included"},
	{"vtep", "list show", "[TENANT]", 0, 1, no_options, "remote VTEPs of tenants"},
	{"underlay", "list show", "", 0, 0, no_options, "how remote VTEPs are reached"},
	{"bfd", "list show", "", 0, 0, no_options, "BFD sessions with remote VTEPs"},
	{"bond", "list show", "", 0, 0, no_options, "members of uplinks that are bonds, and LACP's partner"},
	{"mtu", "list show", "[TENANT]", 0, 1, no_options,
	 "how long a tenant's packets may be on each path, and what says so"},
	{"fdb", "list show", "[TENANT]", 0, 1, no_options, "MAC addresses, learned and static"},
	{"fdb", "add", "TENANT MAC", 2, 2, fdb_add_options,
	 "add a static MAC address, for as long as the data plane runs"},
	{"fdb", "del", "TENANT MAC", 2, 2, fdb_del_options, "remove a MAC address, static or learned"},
	{"fdb", "flush", "TENANT", 1, 1, no_options, "forget all learned MAC addresses"},
	{"fdb", "stats", "[TENANT]", 0, 1, no_options, "moves, duplicates and limits met by learning"},
	{"neighbour", "list show", "[TENANT]", 0, 1, no_options,
	 "bindings of IP to MAC addresses, for ARP and neighbour discovery"},
	{"multicast", "list show", "[TENANT]", 0, 1, no_options,
	 "who listens to which multicast group, and where routers are"},
	{"multicast", "stats", "[TENANT]", 0, 1, no_options, "what was heard and asked of listeners, and limits met"},
	{"flow", "list show", "TENANT", 1, 1, flow_options, "rules"},
	{"group", "list show", "TENANT", 1, 1, no_options, "groups"},
	{"meter", "list show", "TENANT", 1, 1, no_options, "meters"},
	{"table", "list show", "TENANT", 1, 1, no_options, "flow tables in use"},
	{"drops", NULL, "[TENANT]", 0, 1, drops_options, "where packets ended, by reason"},
	{"worker", "list show", "", 0, 0, no_options, "what the data plane's threads did, and its price"},
	{"apply", NULL, "[FILE]", 0, 1, apply_options,
	 "read the configuration and change what differs, all or nothing"},
	{"version", NULL, "", 0, 0, no_options, "of the agent and the data plane"},
};
// clang-format on

const size_t cli_verb_count = sizeof(cli_verbs) / sizeof(cli_verbs[0]);

// Is `word` one of the space-separated `words`?
static bool is_among(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; at && n; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, word, n) == 0 && (at[n] == 0 || at[n] == ' '))
			return true;
	}
	return false;
}

const struct cli_verb *cli_verb_find(const char *const *words, size_t count, size_t *used)
{
	const struct cli_verb *bare = NULL;

	for (size_t i = 0; i < cli_verb_count && count; i++) {
		const struct cli_verb *v = &cli_verbs[i];
		if (strcmp(v->noun, words[0]) != 0)
			continue;
		if (v->verbs && count > 1 && is_among(v->verbs, words[1])) {
			*used = 2;
			return v;
		}
		if (!bare)
			bare = v;
	}
	*used = 1;
	return bare;
}

const struct cli_option *cli_option_find(const struct cli_verb *verb, const char *name)
{
	for (const struct cli_option *o = verb->options; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}
