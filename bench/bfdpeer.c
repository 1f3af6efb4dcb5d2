// SPDX-License-Identifier: Apache-2.0
// Many BFD peers in one program (RFC 5883, UDP port 4784), for bench/bfd and test_bfd.py: one at
// each address from FIRST on, all with the system at REMOTE. It counts how far apart their packets
// come, and how often a session goes down; then it prints that as JSON, and goes on for half a
// minute.
//
// It begins to count after SETTLE seconds, and counts for SECONDS. How long it was away itself is
// part of the answer: on a machine that others use, too, its own absence is what the other end
// calls a failure.
//
// With -r it begins as soon as all sessions are up, SETTLE seconds at most. It counts for SECONDS,
// and again if sessions went down, up to ROUNDS times. Then all peers fall silent at once, and how
// long it takes until each is missed is part of the answer: from the last packet sent to the one
// that tells of it. So are the moments in which sessions went down, and what witnesses saw
// (witness.h), to whom SCHEDSTAT are threads to be watched.

#include "help.h"
#include "witness.h"

#include "overlay/bfd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench-bfdpeer [-r ROUNDS [SCHEDSTAT...]]\n"
	"                     REMOTE FIRST COUNT INTERVAL_US MULTIPLIER SETTLE SECONDS\n"
	"COUNT BFD peers of the system at REMOTE, at addresses from FIRST on; JSON of what came.\n"
	"\n"
	"  SETTLE   seconds before it counts, or, with -r, at most until all sessions are up\n"
	"  SECONDS  for which it counts\n"
	"  -r       counts again if sessions went down, up to ROUNDS times; then all fall silent\n";

#define PORT 4784u
#define BUCKET_NS 10000u
#define BUCKETS 20000u // 200 ms
#define MS 1000000.0
#define ALARMS 65536u
#define SILENCE 5.0 // seconds, at most

struct peer {
	struct overlay_bfd m;
	uint64_t heard_ns;
	uint32_t downs;     // that were told of, or came before counting began
	uint64_t missed_ns; // when the other end has told that it misses us
};

struct bench {
	int fd;
	struct sockaddr_in remote;
	uint32_t first; // address, host order
	unsigned count;
	struct peer *peer;
	bool counting;
	bool silent;
	bool quiet; // the latest round
	unsigned n_alarms, rounds;
	uint64_t alarm_ns[ALARMS];
	uint64_t gaps[BUCKETS];
	uint64_t received, longest_ns, away_ns;
};

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

// After whatever may have taken the session down.
static void watch(struct bench *b, struct peer *p)
{
	for (; p->downs != p->m.downs; p->downs++)
		if (b->counting && b->n_alarms < ALARMS)
			b->alarm_ns[b->n_alarms++] = witness_now_ns();
}

static void hear(struct bench *b, struct peer *p, const struct overlay_bfd_packet *packet)
{
	uint64_t now = witness_now_ns();

	if (b->silent) {
		if (!p->missed_ns && packet->diag == OVERLAY_BFD_DIAG_EXPIRED)
			p->missed_ns = now;
		return;
	}
	overlay_bfd_receive(&p->m, packet, now);
	count(b, p, now);
	watch(b, p);
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

	if (p && overlay_bfd_parse(data, (uint32_t)n, &packet))
		hear(b, p, &packet);
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
	for (unsigned i = 0; !b->silent && i < b->count; i++) {
		while (overlay_bfd_run(&b->peer[i].m, witness_now_ns(), out))
			send_from(b, i, out);
		watch(b, &b->peer[i]);
	}
}

// All up, and both ends at full speed.
static bool ready(const struct bench *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct overlay_bfd *m = &b->peer[i].m;

		if (m->state != OVERLAY_BFD_UP || m->polling ||
			overlay_bfd_detection_us(m) > (uint64_t)m->set.rx_us * m->remote_mult)
			return false;
	}
	return true;
}

static bool missed(const struct bench *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (!b->peer[i].missed_ns)
			return false;
	return true;
}

// For so long, or until it is `done`.
static void run(struct bench *b, double seconds, bool (*done)(const struct bench *))
{
	uint64_t end = witness_now_ns() + (uint64_t)(seconds * 1e9), last = witness_now_ns();

	while (last < end && !(done && done(b))) {
		struct timespec ts = {.tv_nsec = 100000};
		uint64_t now;

		turn(b);
		nanosleep(&ts, NULL);
		now = witness_now_ns();
		witness_note(last, now);
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
	unsigned up = 0;

	for (unsigned i = 0; i < b->count; i++)
		up += b->peer[i].m.state == OVERLAY_BFD_UP;
	printf("{\"up\": %u, \"downs\": %u, \"received\": %llu, \"p1_ms\": %.2f, \"p50_ms\": %.2f, "
	       "\"p99_ms\": %.2f, \"p9999_ms\": %.2f, \"longest_ms\": %.2f, \"away_ms\": %.2f",
		up, b->n_alarms, (unsigned long long)b->received, quantile(b, 0.01),
		quantile(b, 0.5), quantile(b, 0.99), quantile(b, 0.9999),
		(double)b->longest_ns / MS, (double)b->away_ns / MS);
}

// What the rounds came to, and the silence. A death is from the last packet to the word of it; 0:
// no word came.
static void report_more(const struct bench *b)
{
	printf(", \"rounds\": %u, \"quiet\": %s, \"alarms\": [", b->rounds,
		b->quiet ? "true" : "false");
	for (unsigned i = 0; i < b->n_alarms; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)b->alarm_ns[i]);
	printf("], \"deaths\": [");
	for (unsigned i = 0; i < b->count; i++)
		printf("%s[%llu, %llu]", i ? ", " : "", (unsigned long long)b->peer[i].m.last_tx_ns,
			(unsigned long long)b->peer[i].missed_ns);
	printf("], \"gaps\": ");
	witness_print();
}

static void measure(struct bench *b, double seconds)
{
	unsigned before = b->n_alarms;

	for (unsigned i = 0; i < b->count; i++)
		b->peer[i].downs = b->peer[i].m.downs;
	b->counting = true;
	run(b, seconds, NULL);
	b->counting = false;
	b->quiet = b->n_alarms == before;
}

static void setup(struct bench *b, char **argv)
{
	struct overlay_bfd_settings set;

	b->remote = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = inet_addr(argv[0])};
	b->first = ntohl(inet_addr(argv[1]));
	b->count = (unsigned)atoi(argv[2]);
	set.tx_us = set.rx_us = (uint32_t)atoi(argv[3]);
	set.mult = (uint8_t)atoi(argv[4]);
	b->peer = calloc(b->count, sizeof(*b->peer));
	if (!b->peer)
		exit(1);
	b->fd = open_socket();
	for (unsigned i = 0; i < b->count; i++)
		overlay_bfd_init(&b->peer[i].m, &set, 1000 + i, witness_now_ns());
}

int main(int argc, char **argv)
{
	bool by_rounds = argc > 2 && !strcmp(argv[1], "-r");
	char **last = argv + argc - 7;
	static struct bench b;
	unsigned rounds = 1;

	help_if_asked(argc, argv, usage);
	if (argc < 8 || (argc > 8 && !by_rounds) || (by_rounds && argc < 10))
		wrong_call(usage);
	if (by_rounds) {
		rounds = (unsigned)atoi(argv[2]);
		witness_start(argv + 3, (unsigned)(last - argv - 3));
	}
	setup(&b, last);
	run(&b, atof(last[5]), by_rounds ? ready : NULL);
	puts("counting");
	fflush(stdout);
	do {
		measure(&b, atof(last[6]));
	} while (++b.rounds < rounds && !b.quiet && (run(&b, atof(last[5]), ready), true));
	if (by_rounds) {
		b.silent = true;
		run(&b, SILENCE, missed);
	}
	report(&b);
	if (by_rounds)
		report_more(&b);
	puts("}");
	fflush(stdout);
	run(&b, 30.0, NULL); // the other end is asked meanwhile
	free(b.peer);
	return 0;
}
