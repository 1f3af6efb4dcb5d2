// SPDX-License-Identifier: Apache-2.0
#pragma once
// VTEPs that tenants learn from what comes to their group of the underlay: they come and go as
// packets come from them, and are no difference to the configuration while it allows for them.

#include "reconcile/model.h"

// Those of `current` that the tenant `t` may keep, as tenant `id`; after its configured ones.
void learned_desire(const struct config *c, const struct config_tenant *t,
	const struct model *current, struct model *desired, weft_tenant_id id);

// Whether the tenant may learn this VTEP, or forget it: a host's address, of a family that this
// host has, that the configuration does not name.
bool learned_may(const struct config *c, const struct config_tenant *t, const struct weft_ip *vtep);
