// SPDX-License-Identifier: Apache-2.0
// Cycles of the time-stamp counter per packet: encapsulation and decapsulation in bursts, the flow
// hash, and UDP checksums.
//
// "hot" goes round 64 frames, which stay in the core's own caches; "cold" round 16384 frames that
// lie 2 KiB apart, so that each comes from the shared cache, as after a NIC with DDIO, or from
// memory. The median of the runs is printed, with the fastest beside it.

#include "bench/clock.h"
#include "bench/help.h"
#include "overlay/decap.h"
#include "overlay/encap.h"
#include "overlay/flow_hash.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: bench-overlay\n"
	"Cycles a packet: encapsulation, decapsulation, the hash of flows, UDP checksums.\n";

enum {
	SLOT = 2048,
	HEADROOM = 128,
	HOT = 64,
	COLD = 16384,
	BURST = 32,
	AHEAD = 4,
	RUNS = 25,
	PACKETS = 65536, // per run, at the least
};

struct bench {
	uint8_t *slots;
	unsigned frames; // HOT or COLD
	uint32_t inner_len;
	struct overlay_template tmpl;
	struct overlay_vtep vtep;
	struct weft_packet pkts[BURST];
	struct overlay_rx rx[BURST];
	uint64_t check; // so that no work is optimised away
};

static void view(struct bench *b, unsigned first, uint32_t before, uint32_t len)
{
	for (unsigned i = 0; i < BURST; i++)
		b->pkts[i] = (struct weft_packet){
			.data = b->slots + (size_t)(first + i) * SLOT + HEADROOM - before,
			.len = len,
			.total_len = len,
			.headroom = (uint16_t)(HEADROOM - before),
			.hash = (first + i) * 0x9e3779b9u,
		};
}

static void encap(struct bench *b, unsigned first)
{
	const struct overlay_template *tmpl[BURST];

	for (unsigned i = 0; i < BURST; i++)
		tmpl[i] = &b->tmpl;
	view(b, first, 0, b->inner_len);
	b->check += overlay_encap_burst(tmpl, b->pkts, BURST, 0, NULL);
}

static void decap(struct bench *b, unsigned first)
{
	unsigned inner = 0;

	view(b, first, b->tmpl.len, b->tmpl.len + b->inner_len);
	for (unsigned i = 0; i < AHEAD; i++)
		__builtin_prefetch(b->pkts[i].data);
	for (unsigned i = 0; i < BURST; i++) {
		if (i + AHEAD < BURST)
			__builtin_prefetch(b->pkts[i + AHEAD].data);
		inner += overlay_decap(&b->vtep, &b->pkts[i], 0, &b->rx[i]) == OVERLAY_INNER;
	}
	if (inner != BURST) {
		fprintf(stderr, "decap refused a packet\n");
		exit(1);
	}
	b->check += b->rx[0].vni;
}

static void hash(struct bench *b, unsigned first)
{
	for (unsigned i = 0; i < BURST; i++)
		b->check += overlay_flow_hash(
			b->slots + (size_t)(first + i) * SLOT + HEADROOM, b->inner_len, 1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(struct bench *b, const char *name, void (*work)(struct bench *, unsigned))
{
	double per_packet[RUNS];

	for (unsigned run = 0; run < RUNS; run++) {
		uint64_t begin = now();
		for (unsigned done = 0; done < PACKETS; done += BURST)
			work(b, done % b->frames);
		per_packet[run] = (double)(now() - begin) / PACKETS;
	}
	qsort(per_packet, RUNS, sizeof(per_packet[0]), compare);
	printf("%-24s %-5s %8.1f %8.1f\n", name, b->frames == HOT ? "hot" : "cold",
		per_packet[RUNS / 2], per_packet[0]);
}

static void set_tunnel(struct bench *b, enum weft_encap encapsulation, bool v6, bool csum)
{
	struct overlay_tunnel u = {.encap = encapsulation,
		.vni = 0x123456,
		.local = weft_ip_from_v4(htonl(0xc6336401)),
		.remote = weft_ip_from_v4(htonl(0xc6336402)),
		.src_mac = {{2, 0, 0, 0, 0, 1}},
		.dst_mac = {{2, 0, 0, 0, 0, 2}},
		.udp_csum = csum};
	const char *why;

	if (v6) {
		u.local = (struct weft_ip){.b = {0x20, 1, 0x0d, 0xb8, [15] = 1}};
		u.remote = (struct weft_ip){.b = {0x20, 1, 0x0d, 0xb8, [15] = 2}};
	}
	if (overlay_template_build(&b->tmpl, &u, &why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	b->vtep =
		(struct overlay_vtep){.vxlan_port = 4789, .nvgre = true, .udp6_zero_csum_ok = true};
	*(v6 ? &b->vtep.ipv6 : &b->vtep.ipv4) = u.remote;
}

// An inner UDP over IPv4 frame in each slot; each its own flow.
static void fill(struct bench *b)
{
	static const uint8_t head[] = {2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 1, 2, 8, 0, 0x45, 0, 0, 46, 0,
		0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 80};

	for (unsigned i = 0; i < COLD; i++) {
		uint8_t *p = b->slots + (size_t)i * SLOT + HEADROOM;
		memset(p, (int)i, SLOT - HEADROOM);
		memcpy(p, head, sizeof(head));
		memcpy(p + 34, &i, 2);
	}
}

static void measure_pair(struct bench *b, const char *name)
{
	char label[64];

	snprintf(label, sizeof(label), "encap %s", name);
	measure(b, label, encap);
	for (unsigned first = 0; first < b->frames; first += BURST)
		encap(b, first); // all frames that are read next have this header
	snprintf(label, sizeof(label), "decap %s", name);
	measure(b, label, decap);
}

static void measure_all(struct bench *b, unsigned frames)
{
	b->frames = frames;
	b->inner_len = 60;
	set_tunnel(b, WEFT_ENCAP_VXLAN, false, false);
	measure_pair(b, "vxlan");
	set_tunnel(b, WEFT_ENCAP_NVGRE, false, false);
	measure_pair(b, "nvgre");
	set_tunnel(b, WEFT_ENCAP_VXLAN, true, false);
	measure_pair(b, "vxlan-ipv6");
	set_tunnel(b, WEFT_ENCAP_NVGRE, true, false);
	measure_pair(b, "nvgre-ipv6");
	measure(b, "flow-hash", hash);
	b->inner_len = 1500;
	set_tunnel(b, WEFT_ENCAP_VXLAN, false, true);
	measure_pair(b, "vxlan-udpcsum-1500");
}

int main(int argc, char **argv)
{
	struct bench *b;

	help_if_asked(argc, argv, usage);
	if (argc != 1)
		wrong_call(usage);
	b = calloc(1, sizeof(*b));
	if (!b || posix_memalign((void **)&b->slots, 4096, (size_t)COLD * SLOT)) {
		fprintf(stderr, "out of memory\n");
		return 1;
	}
	fill(b);
	printf("%-24s %-5s %8s %8s   %s per packet, bursts of %d\n", "what", "data", "median",
		"best", UNIT, BURST);
	measure_all(b, HOT);
	measure_all(b, COLD);
	fprintf(stderr, "check %llx\n", (unsigned long long)b->check);
	free(b->slots);
	free(b);
	return 0;
}
