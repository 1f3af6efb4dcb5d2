// SPDX-License-Identifier: Apache-2.0
// Many BFD peers in one program (RFC 5883, UDP port 4784), for bench/bfd: one at each address from
// FIRST on, all with the system at REMOTE. After SETTLE seconds it counts for SECONDS how far apart
// their packets come, and how often a session goes down; then it prints that as JSON, and goes on for
// half a minute.
//
//	bench-bfdpeer REMOTE FIRST COUNT INTERVAL_US MULTIPLIER SETTLE SECONDS
//
// How long it was away itself is part of the answer: on a machine that others use, too, its own
// absence is what the other end calls a failure.

#include "overlay/bfd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PORT 4784u
#define BUCKET_NS 10000u
#define BUCKETS 20000u // 200 ms
#define MS 1000000.0

struct peer {
	struct overlay_bfd m;
	uint64_t heard_ns;
	uint32_t downs; // before counting began
};

struct bench {
	int fd;
	struct sockaddr_in remote;
	uint32_t first; // address, host order
	unsigned count;
	struct peer *peer;
	bool counting;
	uint64_t gaps[BUCKETS];
	uint64_t received, longest_ns, away_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int open_socket(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), one = 1, room = 4 << 20;

	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("bfdpeer: bind");
		exit(1);
	}
	return fd;
}

static void count(struct bench *b, struct peer *p, uint64_t now)
{
	uint64_t gap = now - p->heard_ns, bucket = gap / BUCKET_NS;

	p->heard_ns = now;
	if (!b->counting)
		return;
	b->received++;
	b->gaps[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	if (gap > b->longest_ns)
		b->longest_ns = gap;
}

static struct peer *peer_of(struct bench *b, struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			uint32_t n;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			n = ntohl(info.ipi_addr.s_addr) - b->first;
			return n < b->count ? &b->peer[n] : NULL;
		}
	return NULL;
}

static bool receive(struct bench *b)
{
	struct overlay_bfd_packet packet;
	uint8_t data[64], control[128];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr h = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(b->fd, &h, 0);
	struct peer *p = n > 0 ? peer_of(b, &h) : NULL;

	if (p && overlay_bfd_parse(data, (uint32_t)n, &packet)) {
		uint64_t now = now_ns();

		overlay_bfd_receive(&p->m, &packet, now);
		count(b, p, now);
	}
	return n > 0;
}

static void send_from(struct bench *b, unsigned i, uint8_t *data)
{
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(b->first + i)};
	union {
		struct cmsghdr h;
		uint8_t bytes[CMSG_SPACE(sizeof(info))];
	} control = {.h = {CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO}};
	struct iovec iov = {data, OVERLAY_BFD_LEN};
	struct msghdr h = {.msg_name = &b->remote,
		.msg_namelen = sizeof(b->remote),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.h), &info, sizeof(info));
	sendmsg(b->fd, &h, 0);
}

static void turn(struct bench *b)
{
	uint8_t out[OVERLAY_BFD_LEN];

	while (receive(b))
		;
	for (unsigned i = 0; i < b->count; i++)
		while (overlay_bfd_run(&b->peer[i].m, now_ns(), out))
			send_from(b, i, out);
}

static void run(struct bench *b, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9), last = now_ns();

	while (last < end) {
		struct timespec ts = {.tv_nsec = 100000};
		uint64_t now;

		turn(b);
		nanosleep(&ts, NULL);
		now = now_ns();
		if (b->counting && now - last > b->away_ns)
			b->away_ns = now - last;
		last = now;
	}
}

static double quantile(const struct bench *b, double q)
{
	uint64_t want = (uint64_t)(q * (double)b->received), sum = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		sum += b->gaps[i];
		if (sum > want)
			return (i + 1) * BUCKET_NS / MS;
	}
	return BUCKETS * BUCKET_NS / MS;
}

static void report(const struct bench *b)
{
	unsigned up = 0, downs = 0;

	for (unsigned i = 0; i < b->count; i++) {
		up += b->peer[i].m.state == OVERLAY_BFD_UP;
		downs += b->peer[i].m.downs - b->peer[i].downs;
	}
	printf("{\"up\": %u, \"downs\": %u, \"received\": %llu, \"p1_ms\": %.2f, \"p50_ms\": %.2f, "
	       "\"p99_ms\": %.2f, \"p9999_ms\": %.2f, \"longest_ms\": %.2f, \"away_ms\": %.2f}\n",
		up, downs, (unsigned long long)b->received, quantile(b, 0.01), quantile(b, 0.5),
		quantile(b, 0.99), quantile(b, 0.9999), (double)b->longest_ns / MS,
		(double)b->away_ns / MS);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct overlay_bfd_settings set;

	if (argc != 8) {
		fprintf(stderr, "usage: bench-bfdpeer REMOTE FIRST COUNT INTERVAL_US MULTIPLIER "
				"SETTLE SECONDS\n");
		return 2;
	}
	b.remote = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = inet_addr(argv[1])};
	b.first = ntohl(inet_addr(argv[2]));
	b.count = (unsigned)atoi(argv[3]);
	set.tx_us = set.rx_us = (uint32_t)atoi(argv[4]);
	set.mult = (uint8_t)atoi(argv[5]);
	b.peer = calloc(b.count, sizeof(*b.peer));
	if (!b.peer)
		return 1;
	b.fd = open_socket();
	for (unsigned i = 0; i < b.count; i++)
		overlay_bfd_init(&b.peer[i].m, &set, 1000 + i, now_ns());
	run(&b, atof(argv[6]));
	for (unsigned i = 0; i < b.count; i++)
		b.peer[i].downs = b.peer[i].m.downs;
	b.counting = true;
	puts("counting");
	fflush(stdout);
	run(&b, atof(argv[7]));
	report(&b);
	fflush(stdout);
	run(&b, 30.0); // the other end is asked meanwhile
	free(b.peer);
	return 0;
}
