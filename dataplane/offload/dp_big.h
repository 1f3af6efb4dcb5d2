// SPDX-License-Identifier: Apache-2.0
#pragma once
// Big segments of a machine's TCP on their way to an uplink whose card may cut them.
//
// While some uplink's card can (dp_offload_refresh()), ports give a machine's segments as they come
// (dp_cut.h: RTE_MBUF_F_RX_LRO). What the tables say of such a segment they must say of each frame
// that it stands for: rules, meters, MTUs and counters mean frames. So a segment goes on in one
// only if the flow cache knows one and the same path for its first, its middle and its last frame,
// that path leads to a VTEP, and the longest of the frames fits it. Then it is counted as the
// frames that it will be, edited, encapsulated once, and is the card's to cut; or, if the card of
// this very uplink does not, it is cut here, its checksums left to the card or filled in. Any other
// segment is cut and its frames go through the tables as if they had come so; by the next one the
// cache knows their path.
//
// Worker.

struct dp_port;
struct dp_worker;
struct rte_mbuf;

// A burst of a local port's, big segments among it.
void dp_big_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);
