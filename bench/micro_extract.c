// SPDX-License-Identifier: Apache-2.0
// Cycles of the time-stamp counter per packet: key extraction, by shape of the packet, and the
// whole way of a burst through a switch (extract, one lookup, one output). The frames stay in the
// core's own caches. The median of the bursts is printed, with the fastest beside it.

#include "bench/clock.h"
#include "bench/help.h"
#include "bench/one_rule.h"
#include "flowtable/packet/extract.h"
#include "flowtable/flowtable.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "usage: bench-extract\n"
			    "Cycles a packet: extracting the key, and the whole way through one "
			    "rule, by shape of the packet.\n";

enum {
	FRAMES = 64,
	BURST = 32,
	ROUNDS = 512,
	RUNS = 25,
	LEN = 100
};

struct bench {
	uint8_t frames[FRAMES][128 + LEN];
	struct ft_packet pkts[BURST];
	struct ft_switch *sw;
	uint64_t check; // so that no work is optimised away
};

// ---- the shapes; addresses and ports differ from frame to frame

static unsigned ethernet(uint8_t *f, bool vlan, uint16_t type)
{
	memset(f, 0, LEN);
	memcpy(f, (uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, 12);
	if (vlan)
		memcpy(f + 12, (uint8_t[]){0x81, 0, 0, 5}, 4);
	f[vlan ? 16 : 12] = (uint8_t)(type >> 8);
	f[vlan ? 17 : 13] = (uint8_t)type;
	return vlan ? 18 : 14;
}

static void ipv4(uint8_t *f, unsigned i, bool vlan, uint8_t proto)
{
	unsigned ofs = ethernet(f, vlan, FT_ETH_IPV4);

	memcpy(f + ofs, (uint8_t[]){0x45, 0, 0, LEN - 18, 0, 0, 0, 0, 64, proto}, 10);
	f[ofs + 15] = f[ofs + 23] = (uint8_t)i;
}

static void ipv4_tcp(uint8_t *f, unsigned i)
{
	ipv4(f, i, false, FT_PROTO_TCP);
}

static void ipv4_udp(uint8_t *f, unsigned i)
{
	ipv4(f, i, false, FT_PROTO_UDP);
}

static void vlan_ipv4_tcp(uint8_t *f, unsigned i)
{
	ipv4(f, i, true, FT_PROTO_TCP);
}

static void ipv6_tcp(uint8_t *f, unsigned i)
{
	unsigned ofs = ethernet(f, false, FT_ETH_IPV6);

	memcpy(f + ofs, (uint8_t[]){0x60, 0, 0, 0, 0, LEN - 54, FT_PROTO_TCP, 64}, 8);
	f[ofs + 23] = f[ofs + 43] = (uint8_t)i;
}

static void arp(uint8_t *f, unsigned i)
{
	unsigned ofs = ethernet(f, false, FT_ETH_ARP);

	memcpy(f + ofs, (uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
	f[ofs + 27] = (uint8_t)i;
}

static const struct {
	const char *name;
	void (*make)(uint8_t *f, unsigned i);
} shapes[] = {
	{"ipv4-tcp", ipv4_tcp},
	{"ipv4-udp", ipv4_udp},
	{"vlan-ipv4-tcp", vlan_ipv4_tcp},
	{"ipv6-tcp", ipv6_tcp},
	{"arp", arp},
};

// ---- what is measured

static void view(struct bench *b, unsigned first)
{
	for (unsigned i = 0; i < BURST; i++) {
		b->pkts[i].pkt = (struct weft_packet){.data = b->frames[(first + i) % FRAMES] + 128,
			.len = LEN,
			.total_len = LEN,
			.headroom = 128};
		memset(&b->pkts[i].key, 0, sizeof(b->pkts[i].key));
		b->pkts[i].key.in_port = htonl(1);
	}
}

static void extract(struct bench *b)
{
	for (unsigned i = 0; i < BURST; i++)
		ft_extract(&b->pkts[i].pkt, &b->pkts[i].key);
	b->check += b->pkts[0].key.l4_src;
}

static void output(struct ft_sink *sink, struct ft_packet *p, uint32_t port, unsigned flags)
{
	p->table = (uint8_t)port;
}

static void drop(struct ft_sink *sink, struct ft_packet *p, enum weft_drop why)
{
	fprintf(stderr, "unexpected drop %d\n", why);
	exit(1);
}

static void process(struct bench *b)
{
	struct ft_sink sink = {.output = output, .drop = drop};
	struct ft_packet *pkts[BURST];

	for (unsigned i = 0; i < BURST; i++)
		pkts[i] = &b->pkts[i];
	ft_switch_process(b->sw, 0, 1, pkts, BURST, &sink);
	b->check += b->pkts[0].table;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(
	struct bench *b, const char *shape, const char *what, void (*fn)(struct bench *))
{
	static double bursts[ROUNDS];

	for (unsigned n = 0; n < ROUNDS; n++) {
		view(b, n * BURST);
		uint64_t start = now();
		fn(b);
		bursts[n] = (double)(now() - start) / BURST;
	}
	qsort(bursts, ROUNDS, sizeof(bursts[0]), by_value);
	printf("%-14s %-8s %7.1f " UNIT "/packet (fastest %.1f)\n", shape, what, bursts[ROUNDS / 2],
		bursts[0]);
}

int main(int argc, char **argv)
{
	static struct bench b;

	help_if_asked(argc, argv, usage);
	if (argc != 1)
		wrong_call(usage);
	b.sw = still_switch(10);
	add_rule_of_port(b.sw, 0);
	for (unsigned s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		for (unsigned i = 0; i < FRAMES; i++)
			shapes[s].make(b.frames[i] + 128, i);
		measure(&b, shapes[s].name, "extract", extract);
		measure(&b, shapes[s].name, "process", process);
	}
	ft_switch_free(b.sw);
	fprintf(stderr, "check %llx\n", (unsigned long long)b.check);
	return 0;
}
