// SPDX-License-Identifier: Apache-2.0
#pragma once
// The control socket: bytes out and bytes in, each in one piece of memory.
//
// A million rules come through here a few at a time, so a message is copied once into what is to be
// sent and read where it was received. Nothing here waits, and nobody is told of an error that
// send() meets: the peer is gone then, which the next wire_receive() says, after what it sent last.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/ipc.h>

#define WIRE_READ 65536u // bytes taken at once, so that others have their turn

struct iovec;

struct wire {
	int fd; // -1: not connected
	uint8_t *out;
	size_t out_len, out_sent, out_room;
	size_t in_len;
	uint64_t in[(WEFT_IPC_MAX_LEN + WIRE_READ) / 8]; // aligned as the structs need
};

void wire_init(struct wire *w);
void wire_open(struct wire *w, int fd); // non-blocking
void wire_close(struct wire *w);        // forgets what is in it

void wire_put(struct wire *w, const struct iovec *parts, unsigned count);
// Sends what the socket takes. True: some is left, wait until it can be written to.
bool wire_flush(struct wire *w);

static inline size_t wire_backlog(const struct wire *w)
{
	return w->out_len - w->out_sent;
}

// Appends to in[]; returns the bytes, 0 if none were there, or -errno: the connection is over,
// -ECONNRESET if the peer just closed it.
ssize_t wire_receive(struct wire *w);
// The first `bytes` of in[], a multiple of 8, are done with.
void wire_taken(struct wire *w, size_t bytes);
