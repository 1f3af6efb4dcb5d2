// SPDX-License-Identifier: Apache-2.0
#pragma once
// A test double of dpclient/dpclient.h for one switch: the same functions, answered from small
// lists in memory instead of by a data plane. Link it in place of the client.
//
// It keeps rules, groups and meters, finds the errors that need state (table full, overlap, unknown
// group or meter, …), calls every `done` once, in order and from the event loop, and may be told to
// do so late. It forwards nothing; packet-outs to the controller port come back as packet-ins.

#include "dpclient/dpclient.h"

struct dpc *fake_dpc_new(struct event_base *base);
void fake_dpc_free(struct dpc *dpc); // what waits is failed with WEFT_E_STATE

void fake_dpc_put_port(struct dpc *dpc, const struct weft_ipc_port_status *port);
void fake_dpc_remove_port(struct dpc *dpc, uint32_t ofport);
const struct weft_ipc_port_status *fake_dpc_port(const struct dpc *dpc, uint32_t ofport);

void fake_dpc_set_delay(struct dpc *dpc, unsigned milliseconds); // of every answer from now on
void fake_dpc_set_blocked(struct dpc *dpc, bool blocked);
void fake_dpc_set_max_rules(struct dpc *dpc, size_t n);
void fake_dpc_fail_next(struct dpc *dpc, enum weft_error error);       // the next operation
void fake_dpc_expire_rules(struct dpc *dpc, enum weft_removed reason); // all of them
// Tells so often that the first rule is gone, which stays.
void fake_dpc_tell_removed(struct dpc *dpc, enum weft_removed reason, unsigned times);
void fake_dpc_punt(struct dpc *dpc, const struct weft_ipc_punt *punt, const void *frame);
void fake_dpc_table_status(struct dpc *dpc, const struct weft_table_desc *table);
void fake_dpc_lose(struct dpc *dpc); // as if the data plane had died: forgets all, fails all

size_t fake_dpc_rule_count(const struct dpc *dpc);
size_t fake_dpc_paused_dumps(const struct dpc *dpc);
size_t fake_dpc_requests(const struct dpc *dpc); // of any kind since the start

// Called for a port-mod that is carried out; may be NULL.
extern void (*fake_dpc_on_port_mod)(const struct weft_ipc_port_mod *mod);
