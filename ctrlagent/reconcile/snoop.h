// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tenant's multicast (docs/multicast.md), from the configuration to the data plane's settings.

#include "config/config.h"

struct weft_snoop_settings snoop_settings(const struct config_tenant *t);
uint32_t snoop_flags(const struct config_multicast *m); // of struct weft_ipc_tenant

// Where routers are configured: "2 3 172.16.0.2", ports by number, or "none"; free() it.
char *snoop_routers_text(const struct weft_snoop_settings *s);
