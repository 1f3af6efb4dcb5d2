// SPDX-License-Identifier: Apache-2.0
// A controller that measures: flow-mods over one session or many, as fast as the switch takes them,
// and what a barrier takes meanwhile. It costs next to nothing itself (ofmsg.h), which ovs-ofctl
// does not.
//
// The time is from the first byte to the answer to each session's last barrier. One line of JSON
// says what was sent, what came back, and percentiles of barriers: from the write() that took a
// barrier's last byte to the read() that brought its reply.
#include "help.h"
#include "ofmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: bench-flowsend [options] SOCKET...\n"
	"Flow-mods over a session to each UNIX socket (one may come often), at full speed.\n"
	"\n"
	"  --op add|modify|delete   what to do with the rules (add)\n"
	"  --count N                so many rules a session (100000)\n"
	"  --first N                from this number on (0)\n"
	"  --spread                 each session has rules of its own, not the same as the others\n"
	"  --priority N             of the rules (100)\n"
	"  --sources ADDRESS        all of the rules are for packets from this /12 (10.0.0.0)\n"
	"  --bundle N               in bundles of N (ONF extension to 1.3), ordered and atomic\n"
	"  --barrier N              a barrier after so many flow-mods (a bundle's commit is one)\n"
	"  --window N               wait while so many barriers are not answered (1024)\n"
	"  --rate N                 not more than so many flow-mods a second in all\n"
	"  --probe N                only barriers, N microseconds after the answer to the last\n"
	"  --seconds N              of these, and then end; else when killed\n"
	"  --dump                   read all rules back instead\n"
	"  --help\n";

#define ROOM 65536u
#define BARRIERS 1024u // under way in a session, a power of two
#define BARRIER_XID 0x40000000u

static struct {
	enum ofmsg_op op;
	uint32_t count, first, bundle, barrier, window, probe_us;
	uint16_t priority;
	bool spread, dump;
	double rate, seconds;
} opt = {.count = 100000, .priority = 100, .window = BARRIERS};

struct session {
	int fd;
	uint8_t out[ROOM];
	size_t out_at, out_len;
	uint8_t in[2 * ROOM];
	size_t in_len;
	uint64_t wrote, made, filled; // bytes; `filled` is `made` a turn ago
	uint32_t rule, sent, since_barrier, in_bundle, bundle;
	uint32_t barriers, answered;
	uint64_t barrier_end[BARRIERS]; // the value of `wrote` that covers it
	double barrier_at[BARRIERS];    // 0: not written yet
	uint32_t unwritten;             // the first barrier that is not
	double probe_at;
	bool last_barrier, done;
};

static struct {
	struct session *session;
	unsigned sessions, done;
	uint64_t sent, errors, flows, flow_bytes;
	double start, end;
	double *latency;
	size_t latencies, latency_room;
	uint8_t error[4]; // the first
} run;

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = sig;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench-flowsend: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
	exit(1);
}

// ---- what is sent

static size_t room(const struct session *s)
{
	return ROOM - s->out_len;
}

static void made(struct session *s, size_t len)
{
	s->out_len += len;
	s->made += len;
}

static void put_barrier(struct session *s, bool commit)
{
	uint32_t slot = s->barriers % BARRIERS, xid = BARRIER_XID | s->barriers++;
	uint8_t *to = s->out + s->out_len;

	made(s, commit ? ofmsg_bundle(to, OFMSG_BUNDLE_COMMIT, s->bundle, xid)
		       : ofmsg_simple(to, OFMSG_BARRIER_REQUEST, xid));
	s->barrier_end[slot] = s->made;
	s->barrier_at[slot] = 0;
	s->since_barrier = 0;
}

static bool may_have_barrier(const struct session *s)
{
	return s->barriers - s->answered < opt.window;
}

static void put_flow_mod(struct session *s)
{
	uint32_t rule = s->rule + s->sent, out = opt.op == OFMSG_MODIFY ? 2 : 1;
	uint8_t *to = s->out + s->out_len;

	made(s, opt.bundle ? ofmsg_bundled_flow_mod(
				     to, s->bundle, opt.op, rule, opt.priority, out, s->sent)
			   : ofmsg_flow_mod(to, opt.op, rule, opt.priority, out, s->sent));
	s->sent++;
	s->since_barrier++;
	run.sent++;
}

// The next message. False: not now.
static bool put_next(struct session *s, uint64_t allowed)
{
	bool all = s->sent == opt.count;

	if (opt.bundle && s->in_bundle && (all || s->in_bundle > opt.bundle)) {
		if (!may_have_barrier(s))
			return false;
		put_barrier(s, true);
		s->in_bundle = 0;
		return true;
	}
	if (opt.barrier && !opt.bundle && s->since_barrier >= opt.barrier) {
		if (!may_have_barrier(s))
			return false;
		put_barrier(s, false);
		return true;
	}
	if (all) {
		if (s->last_barrier || s->barriers - s->answered == BARRIERS)
			return false;
		put_barrier(s, false);
		s->last_barrier = true;
		return true;
	}
	if (opt.bundle && !s->in_bundle) {
		made(s, ofmsg_bundle(s->out + s->out_len, OFMSG_BUNDLE_OPEN, ++s->bundle, 1));
		s->in_bundle = 1;
		return true;
	}
	if (run.sent >= allowed)
		return false;
	put_flow_mod(s);
	s->in_bundle += opt.bundle != 0;
	return true;
}

static void fill(struct session *s, double at)
{
	uint64_t allowed = opt.rate ? (uint64_t)((at - run.start) * opt.rate) + 1 : UINT64_MAX;

	if (opt.dump) {
		if (!s->barriers++)
			made(s, ofmsg_all_flows(s->out, BARRIER_XID));
	} else if (opt.probe_us) {
		if (s->barriers == s->answered && at >= s->probe_at)
			put_barrier(s, false);
	} else {
		while (room(s) >= OFMSG_MAX && put_next(s, allowed))
			;
	}
}

static void flush(struct session *s)
{
	while (s->out_at < s->out_len) {
		ssize_t n = send(s->fd, s->out + s->out_at, s->out_len - s->out_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die("send");
		s->out_at += (size_t)n;
		s->wrote += (uint64_t)n;
		for (; s->unwritten < s->barriers && !opt.dump; s->unwritten++) {
			if (s->barrier_end[s->unwritten % BARRIERS] > s->wrote)
				break;
			s->barrier_at[s->unwritten % BARRIERS] = now();
		}
	}
	s->out_at = s->out_len = 0;
}

// Until the socket is full or there is nothing to say.
static void speak(struct session *s, double at)
{
	do {
		fill(s, at);
		flush(s);
	} while (!s->out_len && s->made != s->filled && (s->filled = s->made));
}

// ---- what comes back

static void note_latency(double seconds)
{
	if (run.latencies == run.latency_room) {
		run.latency_room = run.latency_room ? 2 * run.latency_room : 4096;
		run.latency = realloc(run.latency, run.latency_room * sizeof(double));
		if (!run.latency)
			die("memory");
	}
	run.latency[run.latencies++] = seconds;
}

static void finish(struct session *s)
{
	s->done = true;
	run.done++;
	run.end = now();
}

static void answered(struct session *s, uint32_t xid)
{
	if (!(xid & BARRIER_XID))
		return;
	note_latency(now() - s->barrier_at[xid % BARRIERS]);
	s->answered++;
	s->probe_at = now() + opt.probe_us * 1e-6;
	if (s->last_barrier && s->answered == s->barriers)
		finish(s);
}

static void dumped(struct session *s, const uint8_t *msg, size_t len)
{
	int more;

	run.flows += ofmsg_flows_in(msg, len, &more);
	run.flow_bytes += len;
	if (!more)
		finish(s);
}

static void take(struct session *s, const uint8_t *msg, struct ofmsg_header h)
{
	switch (h.type) {
	case OFMSG_ERROR:
		if (!run.errors++)
			memcpy(run.error, msg + 8, sizeof(run.error));
		if (h.xid & BARRIER_XID) // a commit that failed
			answered(s, h.xid);
		break;
	case OFMSG_ECHO_REQUEST:
		if (room(s) < OFMSG_MAX)
			break; // it will ask again
		made(s, ofmsg_simple(s->out + s->out_len, OFMSG_ECHO_REPLY, h.xid));
		break;
	case OFMSG_EXPERIMENTER: // the bundle's
		if (msg[21] == OFMSG_BUNDLE_COMMITTED)
			answered(s, h.xid);
		break;
	case OFMSG_BARRIER_REPLY:
		answered(s, h.xid);
		break;
	case OFMSG_MULTIPART_REPLY:
		dumped(s, msg, h.len);
		break;
	default:
		break;
	}
}

// False: nothing is there.
static bool receive(struct session *s)
{
	ssize_t n = recv(s->fd, s->in + s->in_len, sizeof(s->in) - s->in_len, MSG_DONTWAIT);
	size_t at = 0;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		errno = n ? errno : 0;
		die("the switch closed the session");
	}
	s->in_len += (size_t)n;
	while (s->in_len - at >= 8) {
		struct ofmsg_header h = ofmsg_header(s->in + at);

		if (h.len < 8)
			die("a message shorter than its header");
		if (h.len > s->in_len - at)
			break;
		take(s, s->in + at, h);
		at += h.len;
	}
	s->in_len -= at;
	memmove(s->in, s->in + at, s->in_len);
	return true;
}

// ---- sessions

static void greet(struct session *s, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t n = ofmsg_simple(s->out, OFMSG_HELLO, 1);
	struct ofmsg_header h;

	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(path);
	if (write(s->fd, s->out, n) != (ssize_t)n || recv(s->fd, s->in, 8, MSG_WAITALL) != 8)
		die("greeting");
	h = ofmsg_header(s->in);
	if (h.type != OFMSG_HELLO || h.len < 8)
		die("greeting");
	if (h.len > 8 && recv(s->fd, s->in, h.len - 8u, MSG_WAITALL) != h.len - 8)
		die("greeting");
}

static void serve(int ep)
{
	struct epoll_event ev[64];
	double until = opt.seconds ? run.start + opt.seconds : 0;

	while (run.done < run.sessions && !stopped && (!until || now() < until)) {
		bool waiting = opt.rate || opt.probe_us;
		int n = epoll_wait(ep, ev, 64, waiting ? 1 : 1000);
		double at = now();

		for (int i = 0; i < n; i++)
			if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				while (receive(ev[i].data.ptr))
					;
		for (unsigned i = 0; i < (waiting ? run.sessions : (unsigned)n); i++) {
			struct session *s = waiting ? &run.session[i] : ev[i].data.ptr;

			speak(s, at);
		}
	}
}

static void start(char **path)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	run.session = calloc(run.sessions, sizeof(*run.session));
	if (!run.session || ep < 0)
		die("start");
	for (unsigned i = 0; i < run.sessions; i++)
		greet(&run.session[i], path[i]);
	run.start = now();
	for (unsigned i = 0; i < run.sessions; i++) {
		struct session *s = &run.session[i];
		struct epoll_event ev = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = s}};

		s->rule = opt.first + (opt.spread ? i * opt.count : 0);
		s->probe_at = run.start;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev))
			die("epoll");
	}
	serve(ep);
}

// ---- report

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile_us(double part)
{
	if (!run.latencies)
		return 0;
	return run.latency[(size_t)(part * (double)(run.latencies - 1))] * 1e6;
}

static void report(void)
{
	double seconds = (run.done ? run.end : now()) - run.start;

	qsort(run.latency, run.latencies, sizeof(double), by_size);
	printf("{\"sessions\": %u, \"finished\": %u, \"seconds\": %.6f, \"flow_mods\": %" PRIu64
	       ", \"rate\": %.0f, \"errors\": %" PRIu64 ", \"flows\": %" PRIu64
	       ", \"bytes\": %" PRIu64 ", \"flow_rate\": %.0f, \"barriers\": %zu, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f",
		run.sessions, run.done, seconds, run.sent, (double)run.sent / seconds, run.errors,
		run.flows, run.flow_bytes, (double)run.flows / seconds, run.latencies,
		percentile_us(0.5), percentile_us(0.99), percentile_us(1));
	if (run.errors)
		printf(", \"error\": [%u, %u]", run.error[0] << 8 | run.error[1],
			run.error[2] << 8 | run.error[3]);
	printf("}\n");
}

static enum ofmsg_op op_of(const char *name)
{
	static const char *const names[] = {"add", "modify", "delete"};

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum ofmsg_op)i;
	errno = EINVAL;
	die(name);
}

static uint32_t address(const char *text)
{
	struct in_addr a;

	errno = EINVAL;
	if (inet_pton(AF_INET, text, &a) != 1)
		die(text);
	return ntohl(a.s_addr);
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {{"op", 1, NULL, 'o'}, {"count", 1, NULL, 'c'},
		{"first", 1, NULL, 'f'}, {"spread", 0, NULL, 's'}, {"priority", 1, NULL, 'p'},
		{"bundle", 1, NULL, 'b'}, {"barrier", 1, NULL, 'B'}, {"window", 1, NULL, 'w'},
		{"rate", 1, NULL, 'r'}, {"probe", 1, NULL, 'P'}, {"seconds", 1, NULL, 'S'},
		{"dump", 0, NULL, 'd'}, {"sources", 1, NULL, 'n'}, {0}};
	uint32_t *const number[] = {['c'] = &opt.count,
		['f'] = &opt.first,
		['b'] = &opt.bundle,
		['B'] = &opt.barrier,
		['w'] = &opt.window,
		['P'] = &opt.probe_us};

	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) >= 0;) {
		if (c == '?')
			exit(2); // getopt said why
		if (c == 'o')
			opt.op = op_of(optarg);
		else if (c == 's')
			opt.spread = true;
		else if (c == 'd')
			opt.dump = true;
		else if (c == 'p')
			opt.priority = (uint16_t)atoi(optarg);
		else if (c == 'r')
			opt.rate = atof(optarg);
		else if (c == 'n')
			ofmsg_sources(address(optarg));
		else if (c == 'S')
			opt.seconds = atof(optarg);
		else
			*number[c] = (uint32_t)strtoul(optarg, NULL, 0);
	}
	if (opt.window > BARRIERS || !opt.window)
		opt.window = BARRIERS;
	run.sessions = (unsigned)(argc - optind);
}

int main(int argc, char **argv)
{
	help_if_asked(argc, argv, usage);
	options(argc, argv);
	if (!run.sessions)
		wrong_call(usage);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	start(argv + optind);
	report();
	return 0;
}
