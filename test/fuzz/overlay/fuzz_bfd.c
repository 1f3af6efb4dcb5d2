// SPDX-License-Identifier: Apache-2.0
// BFD. The first byte's low bit: the rest is one IP packet, or else what a session lives through,
// in steps of 25 bytes: how long nothing comes (units of 16 ms; the high bit: the packet is for
// this very session) and a control packet. Reads only the packet's bytes (ASan); what is read is
// written back as it was; a session stays in the states that there are, sends only what it can read
// itself, and comes to rest.

#include "overlay/bfd_datagram.h"

#include "../require.h"

#define STEP 25u
#define MS 1000000ull

static void write_back(struct overlay_bfd_datagram *d)
{
	uint8_t out[OVERLAY_BFD_DATAGRAM_MAX];
	struct overlay_bfd_datagram again;
	uint32_t len;

	if (d->payload_len != OVERLAY_BFD_LEN || !d->ttl)
		return;
	len = overlay_bfd_datagram_write(d, d->payload, out);
	require(len <= sizeof(out) && overlay_bfd_datagram_read(out, len, &again));
	require(weft_ip_equal(&again.src, &d->src) && weft_ip_equal(&again.dst, &d->dst));
	require(again.src_port == d->src_port && again.dst_port == d->dst_port &&
		again.ttl == d->ttl && again.payload_len == d->payload_len);
	require(memcmp(again.payload, d->payload, d->payload_len) == 0);
}

static void read_datagram(const uint8_t *input, uint32_t len)
{
	uint8_t *ip = copy_of(input, len);
	struct overlay_bfd_datagram d;
	struct overlay_bfd_packet p;

	if (overlay_bfd_datagram_read(ip, len, &d)) {
		require(d.payload >= ip && d.payload + d.payload_len <= ip + len);
		overlay_bfd_parse(d.payload, d.payload_len, &p);
		write_back(&d);
	}
	free(ip);
}

// Sends what is due. More than one packet for a poll's answer and one of its own is a loop.
static void run(struct overlay_bfd *s, uint64_t now)
{
	uint8_t out[OVERLAY_BFD_LEN];
	struct overlay_bfd_packet p;
	unsigned sent = 0;

	while (overlay_bfd_run(s, now, out)) {
		require(++sent <= 2);
		require(overlay_bfd_parse(out, sizeof(out), &p));
		require(p.my_discr == s->discr && p.state == s->state && !(p.poll && p.final));
	}
	require(overlay_bfd_next(s) > now);
	require(s->state <= OVERLAY_BFD_UP && s->remote_state <= OVERLAY_BFD_UP);
	require(s->state != OVERLAY_BFD_ADMIN_DOWN); // nobody asked for it
	overlay_bfd_detection_us(s);
}

static void live(const uint8_t *at, size_t left)
{
	const struct overlay_bfd_settings set = {.tx_us = 300000, .rx_us = 300000, .mult = 3};
	uint64_t now = 1000 * MS;
	struct overlay_bfd s;

	overlay_bfd_init(&s, &set, 0x01020304, now);
	for (; left >= STEP; at += STEP, left -= STEP) {
		uint8_t control[OVERLAY_BFD_LEN];
		struct overlay_bfd_packet p;

		now += (at[0] & 0x7f) * 16 * MS;
		run(&s, now);
		memcpy(control, at + 1, sizeof(control));
		if (at[0] & 0x80)
			memcpy(control + 8, (const uint8_t[]){1, 2, 3, 4}, 4);
		if (overlay_bfd_parse(control, sizeof(control), &p))
			overlay_bfd_receive(&s, &p, now);
		run(&s, now);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (size < 1 || size > 65536)
		return 0;
	if (input[0] & 1)
		read_datagram(input + 1, (uint32_t)size - 1);
	else
		live(input + 1, size - 1);
	return 0;
}
