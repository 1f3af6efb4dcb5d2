// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ports that the configuration in effect wants and the data plane could not open: an interface that
// is not there yet, a PCI address that is wrong.
//
// They hold back nobody else. When a data plane comes up without them, or the agent finds one that
// lacks them, each is noted here with the reason, tried again with the next reconciliation, and
// forgotten once it is there. A configuration that is applied leaves those alone that it wants
// exactly as they were wanted: they are no difference. Any other port that cannot be opened fails
// the apply, for that one is all or nothing.
//
// Their ids are given when they are tried; here a port is its tenant's name and its own.

#include "reconcile/model.h"

struct missing_port {
	char tenant[WEFT_NAME_MAX + 1]; // "": an uplink
	struct weft_ipc_port port;
	char *why;
	bool held; // the latest desired model wants it as it is
};

struct missing {
	VEC(struct missing_port) ports;
};

// Notes that this port of `desired` could not be made. Copies all; an older note of it goes.
void missing_note(struct missing *m, const struct model *desired, weft_tenant_id tenant,
	const struct weft_ipc_port *port, const char *why);

// Takes out of `desired` what is noted and wanted as it was, with the static FDB entries that lead
// there; the others will be forgotten by missing_keep_held().
void missing_hold(struct missing *m, struct model *desired);
void missing_keep_held(struct missing *m);

// `now` is what is missing from now on: takes it, and logs what came, went or has another reason.
// True: something did.
bool missing_replace(struct missing *m, struct missing *now);

void missing_free(struct missing *m); // the contents
