// SPDX-License-Identifier: Apache-2.0
#pragma once
// Meters (OpenFlow 1.3.5, 5.7) on rte_meter: the functions that struct ft_env asks for.
//
// Each band is a single-rate token bucket of its own (srTCM with no excess bucket) that sees every
// packet of the meter: what finds no token exceeds the band's rate. Of the bands exceeded the one
// with the highest rate applies, as the specification says. Rates are in kb/s of 1000 bits,
// counting the Ethernet frame without its FCS, or in packets/s; without a burst size a bucket holds
// a tenth of a second, and at least one packet.
//
// A meter is the one thing that workers share and write: the rate is that of all of them together,
// so with more than one worker a spinlock guards it. Only packets that a rule sends to that meter
// meet it.

#include "flowtable/flowtable.h"

// struct ft_env's functions; `ctx` is the struct dp.
void *dp_meter_new(void *ctx, const struct weft_meter_mod *, const struct weft_band *);
void dp_meter_free(void *ctx, void *meter);
int dp_meter_run(void *ctx, void *meter, unsigned worker, uint64_t now_ns, uint32_t bytes);
