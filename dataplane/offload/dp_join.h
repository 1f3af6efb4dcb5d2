// SPDX-License-Identifier: Apache-2.0
#pragma once
// A burst of frames as what the kernel is to be told: one message for each frame, or for several
// that follow each other and that dp_gro.h (for a machine) or dp_train.h (for an uplink) lets be
// one. A message is a virtio-net header and the pieces of the frame, which stay where they are in
// their buffers.
//
// Belongs to one transmit queue and its worker.

#include "offload/dp_gro.h"

#include <sys/uio.h>

#define DP_JOIN_FRAMES 64u   // of a burst
#define DP_JOIN_SEGMENTS 16u // of one frame; more nobody makes

struct rte_mbuf;

enum dp_join_what {
	DP_JOIN_TCP,     // segments: dp_gro.h
	DP_JOIN_TUNNELS, // datagrams: dp_train.h
	DP_JOIN_NOTHING,
};

struct dp_join_msg {
	struct virtio_net_hdr h;
	unsigned frames;
	unsigned n_iov;
	struct iovec *iov;
	uint8_t head[DP_TCP_HEAD_MAX]; // of frames that were joined
};

struct dp_join {
	enum dp_join_what what;
	unsigned n; // messages
	struct dp_join_msg msg[DP_JOIN_FRAMES];
	unsigned n_iov;
	struct iovec iov[DP_JOIN_FRAMES * (1 + DP_JOIN_SEGMENTS)];
	struct dp_gro gro;
};

static inline void dp_join_piece(struct dp_join *j, const void *data, size_t len)
{
	j->iov[j->n_iov++] = (struct iovec){(void *)(uintptr_t)data, len};
}

// The one message that is made by hand: a header of zeros, `frames` and pieces are the caller's to
// add, and dp_join_end() to follow.
static inline struct dp_join_msg *dp_join_begin(struct dp_join *j)
{
	j->n = 1;
	j->n_iov = 0;
	j->msg[0].h = (struct virtio_net_hdr){0};
	j->msg[0].iov = j->iov;
	dp_join_piece(j, &j->msg[0].h, sizeof(j->msg[0].h));
	return &j->msg[0];
}

static inline void dp_join_end(struct dp_join *j, unsigned frames)
{
	j->msg[0].n_iov = j->n_iov;
	j->msg[0].frames = frames;
}

// Makes messages of the first `n` frames, DP_JOIN_FRAMES at most; they hold while the frames do.
void dp_join_burst(struct dp_join *j, struct rte_mbuf *const *m, unsigned n);
