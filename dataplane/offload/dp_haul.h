// SPDX-License-Identifier: Apache-2.0
#pragma once
// Segments that stay in one although no card cuts them: from the kernel to the kernel.
//
// Where machines and uplinks are interfaces of the kernel's, a segment of 64 KiB comes in as one,
// leaves as one train of datagrams (dp_train.h), arrives as one, and is given to the machine's
// kernel as one (dp_gro.h). Between, its frames would be cut, copied into buffers, looked up,
// encapsulated and joined again one by one, only to say the same 45 times. So the payload stays
// where the kernel has put it, and the next kernel is given pieces of that, with the headers of
// each frame between them. What must be known is what dp_big.h says, and who sends a segment by its
// rules sends it here, too: one and the same path for the first, the last and the middle frame. All
// else is cut, and its frames go one by one.
//
// Nothing is believed that was not looked at: of a train each frame's inner checksum is verified,
// and its headers must be the next ones of the same connection; if not, it is cut. On the way out
// each frame gets its own checksums. What leaves is byte for byte what would have left.
//
// Worker.

#include "offload/dp_gso.h"

struct dp_port;
struct dp_worker;
struct ft_path;
struct overlay_template;
struct rte_mbuf;

// A burst of an uplink's, trains that came as one among it.
void dp_haul_burst(struct dp_worker *w, struct dp_port *port, struct rte_mbuf *m[], unsigned n);

// As many of g's next frames as are one train, at once to an uplink: `outer` is the header that the
// first of them would have, from dp_gso_next() on. Returns how many they were, of which `*taken`
// went; 0: the uplink takes no trains, or this is none, and `g` is as before.
uint32_t dp_haul_out(const struct dp_worker *w, const struct dp_port *uplink, struct dp_gso *g,
	const struct overlay_template *t, const uint8_t *outer, uint32_t *taken);

// Whether a joined segment may be given to the port by this worker: whether it has the means.
bool dp_haul_takes(const struct dp_worker *w, const struct dp_port *port);

// Frames that belong together to a local port that takes them: the headers, complete but for what
// dp_gro_end() fills in, and where the payload of each is, or, of one piece, all of it.
struct dp_haul_load {
	struct dp_gro *gro;
	uint32_t frames;
	const uint8_t *payload;
	uint32_t stride; // from one frame's payload to the next one's; 0: they follow each other
};
// Returns how many went: all or none.
uint32_t dp_haul_in(
	const struct dp_worker *w, const struct dp_port *port, const struct dp_haul_load *load);
