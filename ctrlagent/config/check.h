// SPDX-License-Identifier: Apache-2.0
#pragma once
// What no table can say about a configuration: references, duplicates, what goes with what. Also
// fills in the defaults that depend on something else. Errors go to the reader.

#include "config/config.h"
#include "config/read.h"

void config_check(struct config_reader *r, struct config *config);

// check_provider.c
void config_check_provider(
	struct config_reader *r, const struct config *config, struct config_tenant *tenant);
// That each network has one owner.
void config_check_networks(struct config_reader *r, const struct config *config);

// Whether it can be a host's address; check.c.
bool config_is_unicast(const struct weft_ip *ip);
// Whether the host has a VTEP address of the other's family; check.c.
bool config_has_family(const struct config_host *host, const struct weft_ip *remote);
// Whether it can be another host's VTEP: of such a family, and not this host's own; check.c.
bool config_may_reach(const struct config_host *host, const struct weft_ip *remote);

// check_switch.c
void config_check_switch(struct config_reader *r, struct config_tenant *tenant);

// check_listeners.c
void config_check_listeners(struct config_reader *r, const struct config *config);

// duplicates.c. A set of values of one kind, for finding two that are equal.
struct config_values {
	struct config_value {
		const void *field; // where it is in the configuration
		const void *key;
		size_t key_len;
		size_t order;
	} * values;
	size_t count, capacity;
};

void config_values_add(struct config_values *v, const void *field, const void *key, size_t key_len);
// Reports all that are equal to one before, and frees the set.
void config_values_finish(struct config_reader *r, struct config_values *v);
