// SPDX-License-Identifier: Apache-2.0
// Feeds a switch with more flows than a capture can have, through memif, from another core.
//
// The switch is memif's server at SOCKET, this its client: it brings the memory, from which the
// switch copies the frames. Frames of the capture follow one another, and with each round the next
// variant is taken (see variants.h). It says `sending` when the switch has answered, and one line
// of JSON in the end tells how many packets went, and how often the ring was full, that is, the
// switch was the slower of both.
#include "help.h"
#include "variants.h"

#include <getopt.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench-generate --capture FILE --open FILE [options] SOCKET\n"
	"Feeds a switch with variants of a capture's frames, through memif.\n"
	"\n"
	"  --capture FILE             the frames\n"
	"  --open FILE                of each, which bits of its addresses and ports may vary\n"
	"  --encap plain|vxlan|nvgre  what is around the frames (vxlan)\n"
	"  --flows N                  so many flows in all, each once in a round; 0: every\n"
	"                             packet is of a new one, while its frame has any (0)\n"
	"  --rate N                   packets a second; 0: as fast as the switch takes them (0)\n"
	"  --seed N                   of the order of the variants (1)\n"
	"  --cpu N                    to run on (0)\n"
	"  --seconds N                to end after; 0: when told to by a signal (0)\n"
	"  --write N                  instead of sending: N packets to SOCKET, a capture\n"
	"  --help\n";

#define BURST 32u
#define AHEAD 8u // frames between fetching and writing one
#define BUFFERS 8191u
#define RING_LOG2 10

static struct {
	const char *capture, *open_bits, *socket;
	enum variants_encap encap;
	uint64_t flows, seed, write;
	double rate, seconds;
	unsigned cpu;
} opt = {.encap = VARIANTS_VXLAN, .seed = 1};

// Where in the round, and which one.
struct place {
	size_t frame;
	uint64_t round, rounds; // rounds: after so many the flows come again
};

struct sent {
	uint64_t packets, full;
	double seconds;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-generate: %s\n", what);
	exit(1);
}

static uint16_t next(const struct variants *s, struct place *at, void *to)
{
	uint16_t len = variants_write(s, at->frame, at->round, to);

	variants_prefetch(s, at->frame + AHEAD);
	if (++at->frame == variants_frames(s)) {
		at->frame = 0;
		at->round = at->round + 1 == at->rounds ? 0 : at->round + 1;
	}
	return len;
}

// ---- to a file

static void write_capture(const struct variants *s, struct place at)
{
	static const uint32_t head[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
	FILE *out = fopen(opt.socket, "wb");
	uint8_t frame[VARIANTS_ROOM];
	bool good = out && fwrite(head, sizeof(head), 1, out) == 1;

	for (uint64_t i = 0; good && i < opt.write; i++) {
		uint32_t len = next(s, &at, frame), record[4] = {0, 0, len, len};

		good = fwrite(record, sizeof(record), 1, out) == 1 &&
		       fwrite(frame, len, 1, out) == 1;
	}
	if (!good || fclose(out))
		die("the capture cannot be written");
}

// ---- to a switch

// EAL wants words that it may write to, and keeps some.
static void start_eal(void)
{
	static char line[512], *argv[24];
	char *save = NULL;
	int argc = 0;

	if (snprintf(line, sizeof(line),
		    "bench-generate\n--lcores\n0@%u\n--in-memory\n--single-file-segments\n--no-"
		    "pci\n"
		    "--no-telemetry\n-m\n64\n--log-level\nerror\n--vdev\n"
		    "net_memif0,role=client,id=0,socket=%s,socket-abstract=no,zero-copy=yes,"
		    "bsize=2048,rsize=%u",
		    opt.cpu, opt.socket, RING_LOG2) >= (int)sizeof(line))
		die("the socket's path is too long");
	for (char *word = strtok_r(line, "\n", &save); word; word = strtok_r(NULL, "\n", &save))
		argv[argc++] = word;
	if (rte_eal_init(argc, argv) < 0)
		die("DPDK does not start");
}

static struct rte_mempool *start_device(void)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("frames", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	struct rte_eth_conf conf = {0};

	if (!pool)
		die("no buffers: huge pages of 2 MB are needed");
	if (rte_eth_dev_configure(0, 1, 1, &conf) ||
		rte_eth_rx_queue_setup(0, 0, 64, 0, NULL, pool) ||
		rte_eth_tx_queue_setup(0, 0, 1 << RING_LOG2, 0, NULL) || rte_eth_dev_start(0))
		die("no memif server at the socket");
	return pool;
}

static void wait_for_link(void)
{
	struct rte_eth_link link = {0};

	for (int i = 0; i < 1000 && !stopped && !link.link_status; i++) {
		usleep(10000);
		rte_eth_link_get_nowait(0, &link);
	}
	if (!link.link_status)
		die("the switch does not take the connection");
}

static void make(const struct variants *s, struct place *at, struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		m[i]->data_len = next(s, at, rte_pktmbuf_mtod(m[i], void *));
	for (unsigned i = 0; i < n; i++)
		m[i]->pkt_len = m[i]->data_len;
}

// Until the ring has taken all of them. Others may have the core while it is full.
static void push(struct rte_mbuf **m, unsigned n, struct sent *sent)
{
	unsigned done = rte_eth_tx_burst(0, 0, m, (uint16_t)n);

	while (done < n && !stopped) {
		sent->full++;
		sched_yield();
		done += rte_eth_tx_burst(0, 0, m + done, (uint16_t)(n - done));
	}
	sent->packets += done;
	if (done < n)
		rte_pktmbuf_free_bulk(m + done, n - done);
}

// How many are due now, at the wanted rate.
static unsigned due(const struct sent *sent, double since)
{
	double behind = since * opt.rate - (double)sent->packets;

	if (!opt.rate)
		return BURST;
	if (behind < 1)
		usleep(opt.rate < 20000 ? 200 : 50);
	return behind < 0 ? 0 : behind > BURST ? BURST : (unsigned)behind;
}

static struct sent feed(const struct variants *s, struct place at, struct rte_mempool *pool)
{
	uint64_t start = rte_get_tsc_cycles();
	double hz = (double)rte_get_tsc_hz();
	struct rte_mbuf *m[BURST];
	struct sent sent = {0};

	while (!stopped && (!opt.seconds || sent.seconds < opt.seconds)) {
		unsigned n = due(&sent, sent.seconds);

		if (n && !rte_pktmbuf_alloc_bulk(pool, m, n)) {
			make(s, &at, m, n);
			push(m, n, &sent);
		}
		sent.seconds = (double)(rte_get_tsc_cycles() - start) / hz;
	}
	return sent;
}

static void send_all(const struct variants *s, struct place at)
{
	struct sigaction act = {.sa_handler = stop};
	struct rte_mempool *pool;
	struct sent sent;

	start_eal();
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	pool = start_device();
	wait_for_link();
	fprintf(stderr, "sending\n");
	sent = feed(s, at, pool);
	printf("{\"packets\": %" PRIu64 ", \"seconds\": %.3f, \"full\": %" PRIu64 "}\n",
		sent.packets, sent.seconds, sent.full);
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
}

// ---- options

static void parse_encap(const char *word)
{
	static const char *const name[] = {"plain", "vxlan", "nvgre"};

	for (unsigned i = 0; i < 3; i++) {
		if (!strcmp(word, name[i])) {
			opt.encap = (enum variants_encap)i;
			return;
		}
	}
	die("--encap: want plain, vxlan or nvgre");
}

static double number(const char *word)
{
	char *end;
	double value = strtod(word, &end);

	if (end == word || *end || !(value >= 0 && value <= 1e15))
		die("an option wants a number that is not negative");
	return value;
}

static void parse_option(int c)
{
	switch (c) {
	case 'c':
		opt.capture = optarg;
		break;
	case 'o':
		opt.open_bits = optarg;
		break;
	case 'e':
		parse_encap(optarg);
		break;
	case 'f':
		opt.flows = (uint64_t)number(optarg);
		break;
	case 'r':
		opt.rate = number(optarg);
		break;
	case 's':
		opt.seed = (uint64_t)number(optarg);
		break;
	case 'p':
		opt.cpu = (unsigned)number(optarg);
		break;
	case 't':
		opt.seconds = number(optarg);
		break;
	case 'w':
		opt.write = (uint64_t)number(optarg);
		break;
	default:
		exit(2);
	}
}

static void parse(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"capture", required_argument, NULL, 'c'},
		{"open", required_argument, NULL, 'o'},
		{"encap", required_argument, NULL, 'e'},
		{"flows", required_argument, NULL, 'f'},
		{"rate", required_argument, NULL, 'r'},
		{"seed", required_argument, NULL, 's'},
		{"cpu", required_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 't'},
		{"write", required_argument, NULL, 'w'},
		{0},
	};

	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
		parse_option(c);
	if (!opt.capture || !opt.open_bits || optind + 1 != argc)
		wrong_call(usage);
	opt.socket = argv[optind];
}

// As many rounds as the frames need for all flows; a number of flows that they cannot make is none.
static uint64_t rounds(const struct variants *s)
{
	uint64_t frames = variants_frames(s), of_each = variants_of_each(s);

	if (opt.flows % frames || opt.flows / frames > of_each)
		die("--flows: want a multiple of the capture's frames that their open bits allow");
	return opt.flows ? opt.flows / frames : UINT64_MAX;
}

int main(int argc, char **argv)
{
	struct place at = {0};
	struct variants *s;

	help_if_asked(argc, argv, usage);
	parse(argc, argv);
	s = variants_open(opt.capture, opt.open_bits, opt.encap, opt.seed);
	if (!s)
		return 1;
	at.rounds = rounds(s);
	if (opt.write)
		write_capture(s, at);
	else
		send_all(s, at);
	variants_close(s);
	return 0;
}
