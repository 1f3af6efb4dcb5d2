// SPDX-License-Identifier: Apache-2.0
#pragma once
// What few packet-ins bear besides the frame: pipeline fields that some action has set, the
// userdata of a controller action, and how a packet that stopped goes on (struct
// weft_ipc_punt_more). It travels in buffers of its own, the last part in a second, chained behind
// the frame's, so that the others pay nothing.

#include "dp_mbuf.h"

#include "flowtable/flowtable.h"

// Worker. True: there is something, or there may be: look with dp_punt_more().
static inline bool dp_punt_has_more(const struct weft_flow_key *k, const struct ft_packet_in *in)
{
	static const char zeros[sizeof(*k)];
	const size_t from = offsetof(struct weft_flow_key, tun_flags);

	return in->controller || k->actset_output || k->packet_type ||
	       memcmp((const char *)k + from, zeros, sizeof(*k) - from) != 0;
}

// A buffer with it, perhaps with a second, data_len 0 if there is nothing; NULL: no buffer.
struct rte_mbuf *dp_punt_more(
	struct rte_mempool *, const struct weft_flow_key *, const struct ft_packet_in *);
