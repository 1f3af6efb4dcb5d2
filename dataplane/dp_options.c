// SPDX-License-Identifier: Apache-2.0
#include "dp_options.h"

#include <weft/ipc.h>

#include <rte_log.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	OPT_SOCKET = 256,
	OPT_PUNT,
	OPT_WORKERS,
	OPT_NO_HUGE,
	OPT_HUGE_DIR,
	OPT_MEM,
	OPT_MBUFS,
	OPT_MAX_FRAME,
	OPT_IDLE,
	OPT_FLOW_CACHE,
	OPT_LOG,
	OPT_SEED,
	OPT_PCI,
	OPT_NO_PCI,
	OPT_EAL,
	OPT_FOREGROUND,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"punt-socket", required_argument, NULL, OPT_PUNT},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"huge-dir", required_argument, NULL, OPT_HUGE_DIR},
	{"mem", required_argument, NULL, OPT_MEM},
	{"mbufs", required_argument, NULL, OPT_MBUFS},
	{"max-frame", required_argument, NULL, OPT_MAX_FRAME},
	{"idle-sleep", required_argument, NULL, OPT_IDLE},
	{"flow-cache", required_argument, NULL, OPT_FLOW_CACHE},
	{"log-level", required_argument, NULL, OPT_LOG},
	{"seed", required_argument, NULL, OPT_SEED},
	{"pci", no_argument, NULL, OPT_PCI},
	{"no-pci", no_argument, NULL, OPT_NO_PCI},
	{"eal", required_argument, NULL, OPT_EAL},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static const char help[] =
	"usage: weft-dataplane [options]\n"
	"Forwards packets between tenants' ports and the underlay, as weft-agent tells it. Runs "
	"in\n"
	"the foreground and logs to standard error.\n"
	"\n"
	"  --socket PATH        control socket (" WEFT_IPC_CONTROL_SOCKET ")\n"
	"  --punt-socket PATH   packet-in socket (" WEFT_IPC_PUNT_SOCKET ")\n"
	"  --workers N|LIST     N workers, or one on each CPU of LIST, as 2,4-7 (1)\n"
	"  --idle-sleep USEC    a worker with nothing to do sleeps so long; 0: polls always (0)\n"
	"  --flow-cache FLOWS   flows that each worker remembers; 0: none (2097152)\n"
	"  --no-huge            ordinary memory instead of huge pages\n"
	"  --huge-dir PATH      where hugetlbfs is mounted\n"
	"  --mem MB             memory to reserve (512)\n"
	"  --mbufs N            packet buffers (16384)\n"
	"  --max-frame BYTES    longest frame received in one piece (2048)\n"
	"  --pci                use PCI devices; without, none is touched\n"
	"  --seed N             seed of every hash, for repeatable runs (random)\n"
	"  --log-level LEVEL    error, warning, notice, info or debug (notice)\n"
	"  --eal ARGS           more arguments for DPDK's EAL\n"
	"  --foreground         as always\n"
	"  --version, --help\n";

static int dp_options_bad(const char *name, const char *value, const char *want)
{
	fprintf(stderr, "weft-dataplane: --%s %s: want %s\n", name, value, want);
	return -1;
}

static bool dp_options_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

static int dp_options_unsigned(
	const char *name, const char *text, unsigned min, unsigned max, unsigned *out)
{
	uint64_t v;
	char want[64];

	if (dp_options_number(text, min, max, &v)) {
		*out = (unsigned)v;
		return 0;
	}
	snprintf(want, sizeof(want), "a number from %u to %u", min, max);
	return dp_options_bad(name, text, want);
}

static bool dp_options_has_cpu(const struct dp_options *o, unsigned cpu)
{
	for (unsigned i = 0; i < o->workers; i++)
		if (o->worker_cpu[i] == cpu)
			return true;
	return false;
}

static bool dp_options_add_cpus(struct dp_options *o, const char *range)
{
	unsigned from, to;
	int used = 0;

	if (sscanf(range, "%u-%u%n", &from, &to, &used) != 2 || range[used]) {
		if (sscanf(range, "%u%n", &from, &used) != 1 || range[used])
			return false;
		to = from;
	}
	if (from > to || to > UINT16_MAX || to - from >= DP_MAX_WORKERS - o->workers)
		return false;
	for (unsigned cpu = from; cpu <= to; cpu++) {
		if (dp_options_has_cpu(o, cpu))
			return false;
		o->worker_cpu[o->workers++] = (uint16_t)cpu;
	}
	return true;
}

static int dp_options_workers(struct dp_options *o, char *text)
{
	static const char want[] = "a count from 1 to 32, or CPUs as 2,4-7, each once";
	bool list = strpbrk(text, ",-");
	uint64_t n;

	o->pinned = false;
	if (dp_options_number(text, 1, DP_MAX_WORKERS, &n)) {
		o->workers = (unsigned)n;
		return 0;
	}
	o->pinned = true;
	o->workers = 0;
	if (!list)
		return dp_options_bad("workers", text, want);
	for (char *save, *r = strtok_r(text, ",", &save); r; r = strtok_r(NULL, ",", &save))
		if (!dp_options_add_cpus(o, r))
			return dp_options_bad("workers", r, want);
	return o->workers ? 0 : dp_options_bad("workers", text, want);
}

static int dp_options_log(struct dp_options *o, const char *text)
{
	static const struct {
		const char *name;
		unsigned level;
	} levels[] = {
		{"error", RTE_LOG_ERR},
		{"warning", RTE_LOG_WARNING},
		{"notice", RTE_LOG_NOTICE},
		{"info", RTE_LOG_INFO},
		{"debug", RTE_LOG_DEBUG},
	};

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(text, levels[i].name)) {
			o->log_level = levels[i].level;
			return 0;
		}
	return dp_options_bad("log-level", text, "error, warning, notice, info or debug");
}

static int dp_options_one(struct dp_options *o, int opt, char *arg)
{
	switch (opt) {
	case OPT_SOCKET:
		o->socket = arg;
		return 0;
	case OPT_PUNT:
		o->punt_socket = arg;
		return 0;
	case OPT_HUGE_DIR:
		o->huge_dir = arg;
		return 0;
	case OPT_EAL:
		o->eal = arg;
		return 0;
	case OPT_NO_HUGE:
		o->no_huge = true;
		return 0;
	case OPT_PCI:
	case OPT_NO_PCI:
		o->pci = opt == OPT_PCI;
		return 0;
	case OPT_FOREGROUND:
		return 0;
	case OPT_WORKERS:
		return dp_options_workers(o, arg);
	case OPT_MEM:
		return dp_options_unsigned("mem", arg, 32, 1u << 20, &o->mem_mb);
	case OPT_MBUFS:
		return dp_options_unsigned("mbufs", arg, 512, 1u << 24, &o->mbufs);
	case OPT_MAX_FRAME:
		return dp_options_unsigned("max-frame", arg, 2048, 65000, &o->max_frame);
	case OPT_IDLE:
		return dp_options_unsigned("idle-sleep", arg, 0, 100000, &o->idle_sleep_us);
	case OPT_FLOW_CACHE:
		return dp_options_unsigned("flow-cache", arg, 0, 1u << 24, &o->flow_cache);
	case OPT_LOG:
		return dp_options_log(o, arg);
	case OPT_SEED:
		if (!dp_options_number(arg, 1, UINT64_MAX, &o->seed))
			return dp_options_bad("seed", arg, "a number from 1 to 2^64 - 1");
		return 0;
	case OPT_VERSION:
		puts("weft-dataplane " WEFT_VERSION);
		return 1;
	case OPT_HELP:
		fputs(help, stdout);
		return 1;
	default: // getopt has said what is wrong
		fputs("try weft-dataplane --help\n", stderr);
		return -1;
	}
}

int dp_options_parse(struct dp_options *o, int argc, char **argv)
{
	int opt, rc;

	*o = (struct dp_options){
		.socket = WEFT_IPC_CONTROL_SOCKET,
		.punt_socket = WEFT_IPC_PUNT_SOCKET,
		.workers = 1,
		.mem_mb = 512,
		.mbufs = 16384,
		.max_frame = 2048,
		.flow_cache = 2u << 20,
		.log_level = RTE_LOG_NOTICE,
	};
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = dp_options_one(o, opt, optarg);
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fprintf(stderr, "weft-dataplane: %s: unexpected argument\n", argv[optind]);
		return -1;
	}
	return 0;
}
