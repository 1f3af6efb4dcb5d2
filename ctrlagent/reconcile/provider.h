// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is particular to a provider's switch: its networks and peers, and its VTEPs, of which those
// that lie in a prefix come and go as packets want them.

#include "reconcile/model.h"

// What the provider `t` wants, as tenant `id`; VTEPs that are there and in its prefixes stay.
void provider_desire(const struct config *c, const struct config_tenant *t,
	const struct model *current, struct model *desired, weft_tenant_id id);

// Whether the VTEP may come and go: in a prefix, and not named by the configuration.
bool provider_is_passing(const struct config_tenant *t, const struct weft_ip *vtep);

// "vni 5000-5999, vsid rest, 2 prefixes of peers"; free() it.
char *provider_text(const struct weft_ipc_provider *p);
