// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mem.h"

#define KEEP (1u << 20) // of output memory, once it is empty

void wire_init(struct wire *w)
{
	w->fd = -1;
}

void wire_open(struct wire *w, int fd)
{
	w->fd = fd;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->out);
	w->out = NULL;
	w->out_len = w->out_sent = w->out_room = w->in_len = 0;
	w->fd = -1;
}

static void reserve(struct wire *w, size_t len)
{
	size_t room = w->out_room ? w->out_room : 65536;

	while (room < w->out_len + len)
		room *= 2;
	if (room != w->out_room)
		w->out = agent_resize(w->out, room, 1);
	w->out_room = room;
}

void wire_put(struct wire *w, const struct iovec *parts, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t len = parts[i].iov_len;

		if (!len)
			continue;
		if (len > w->out_room - w->out_len)
			reserve(w, len);
		memcpy(w->out + w->out_len, parts[i].iov_base, len);
		w->out_len += len;
	}
}

static void emptied(struct wire *w)
{
	w->out_len = w->out_sent = 0;
	if (w->out_room > KEEP) {
		free(w->out);
		w->out = NULL;
		w->out_room = 0;
	}
}

// What was sent makes room once it is the greater part, so that bytes move once on the average.
static void compact(struct wire *w)
{
	if (w->out_sent <= w->out_len / 2)
		return;
	memmove(w->out, w->out + w->out_sent, wire_backlog(w));
	w->out_len -= w->out_sent;
	w->out_sent = 0;
}

bool wire_flush(struct wire *w)
{
	while (wire_backlog(w)) {
		ssize_t n = send(
			w->fd, w->out + w->out_sent, wire_backlog(w), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			compact(w);
			return true;
		}
		w->out_sent = n < 0 ? w->out_len : w->out_sent + (size_t)n;
	}
	emptied(w);
	return false;
}

ssize_t wire_receive(struct wire *w)
{
	size_t room = sizeof(w->in) - w->in_len;
	ssize_t n = recv(w->fd, (uint8_t *)w->in + w->in_len, room < WIRE_READ ? room : WIRE_READ,
		MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	w->in_len += (size_t)n;
	return n ? n : -ECONNRESET;
}

void wire_taken(struct wire *w, size_t bytes)
{
	w->in_len -= bytes;
	memmove(w->in, (uint8_t *)w->in + bytes, w->in_len);
}
