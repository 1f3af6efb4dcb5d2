// SPDX-License-Identifier: Apache-2.0
// How long a worker's own work in one turn of its loop takes, at most, while rules change: what the
// machine takes is left out, without anybody having to say what it took.
//
// By the clock alone nobody can tell. A core is taken away for a tick, an interrupt, another
// virtual machine, and a turn that took 100 µs may have worked for one. But the machine does not
// interrupt the same turn twice, and work does repeat: so here a storm is played the same way, to
// the letter, in one process after the other, each turn of which is timed. Of each turn the
// shortest time of all these runs is kept; the longest of those is the answer. That the runs did
// the same is checked: every turn has as many packets, of which as many were unknown, and as many
// flows taken in. What a turn decides by time, as how many packets go the full way before it ends
// (dp_pace.h), it decides as in the first run, whose clock is told to the others.
//
// What is played is the data plane's own worker (dp_worker_once(): receive, flow cache, tables,
// actions, encapsulation, send, telling the counters), over a port that brings frames without end
// and one with nothing behind it; and the writer's own calls, in steps that do not depend on time.
// Writer and worker have a core each, and take turns: what the one has written comes to the other
// from far away, as it would. Pages that a turn touches for the first time are found by the kernel
// in each run again, and count. What is not played: two that write and read at the very same time.
//
// One line of JSON for each storm. In the end every packet that was brought must be in the tenant's
// ledger, and have left or been dropped.
#include "bench/help.h"
#include "bench/one_cpu.h"
#include "bench/one_rule.h"
#include "bench/site.h"
#include "bench/turns_kept.h"
#include "dp.h"
#include "dp_eal.h"
#include "dp_heap.h"
#include "dp_held.h"
#include "dp_worker.h"
#include "ports/dp_null.h"
#include "tenants/dp_expiry.h"

#include "flowtable/cache/commons.h"
#include "flowtable/switch.h"
#include "flowtable/txn.h"

#include <weft/action.h>

#include <rte_cycles.h>
#include <rte_launch.h>

#include <sched.h>
#include <sys/personality.h>
#include <unistd.h>

enum {
	TURNS_LEAST = 1000,
	WARM = 20000,
	RULES = 20000, // that come before the first one goes
	FLOWS_MAX = 10000,
	COMMITS_AWAY = 100,
	VNI = 5001,
};

static const char usage[] =
	"usage: bench-turns FILE encap|tables WORKER-CPU CONTROL-CPU huge|small [TURNS]\n"
	"The longest turn of a worker's own work in storms of rule changes; for bench/turns.\n"
	"\n"
	"  FILE   has the shortest times so far; this run's are added\n"
	"  TURNS  of each storm, 1,000 or more (50,000)\n"
	"\n"
	"The storms:\n"
	"  quiet    nothing changes\n"
	"  apart    changes one by one, in a table that no packet meets\n"
	"  among    in the one that packets meet, below its rules\n"
	"  flood    128 at a time, at the priority of its rules\n"
	"  bundles  1,000 at a time\n"
	"  onto     one by one, for packets that there are: their flows are learned anew\n"
	"  away     12,800 while the worker was away: nobody remembers what changed\n"
	"  between  some turns fall into a commit, where no known way may be trusted\n";

struct storm {
	const char *name;
	unsigned batch; // changes of a transaction; 0: none
	unsigned turns; // from one to the next
	enum {
		NOBODYS, // of addresses that nobody has
		FIVE_TUPLES,
		ONTO,
	} rules;
	bool apart, away, between;
};

static const struct storm storms[STORMS] = {
	{"quiet", 0, 64, NOBODYS},
	{"apart", 1, 10, NOBODYS, .apart = true},
	{"among", 1, 10, NOBODYS},
	{"flood", 128, 64, FIVE_TUPLES},
	{"bundles", 1000, 500, FIVE_TUPLES},
	{"onto", 1, 10, ONTO},
	{"away", 128, 200, FIVE_TUPLES, .away = true},
	{"between", 1, 10, NOBODYS, .between = true},
};

// ---- a turn

static struct turn this_run[STORMS][TURNS];
static unsigned wanted = TURNS;
static unsigned rules_at_most = RULES;
static struct dp dp;

// The writer asks for turns, and waits until they are done.
static struct {
	_Alignas(64) _Atomic uint64_t asked;
	_Alignas(64) _Atomic uint64_t done;
	struct turn *into; // NULL: they are not kept
} turns;

static void fail(const char *what)
{
	fprintf(stderr, "bench-turns: %s\n", what);
	exit(1);
}

// What a turn decides by time it decides in each run as in the first.
static struct {
	struct turns_clock *first;
	uint64_t at;
	bool again;
} told;

static uint64_t tell_time(void)
{
	if (told.again && told.at == told.first->n)
		fail("a run asks for the time more often than the first");
	if (told.at == TOLD)
		fail("too many decisions by time");
	if (!told.again)
		told.first->said[told.first->n++] = rte_rdtsc();
	return told.first->said[told.at++];
}

static void one_turn(struct dp_worker *w, struct turn *into)
{
	const struct dp_worker_stats *s = &w->stats;
	uint64_t misses = s->cache_misses, inserts = s->cache_inserts, began, took;
	uint64_t says = tell_time();
	unsigned packets;

	began = rte_rdtsc();
	dp_worker_once(w, says, &packets);
	took = rte_rdtsc() - began;
	if (into)
		*into = (struct turn){(uint32_t)took, (uint8_t)packets,
			(uint8_t)(s->cache_misses - misses), (uint8_t)(s->cache_inserts - inserts),
			dp_rcu_asked(w->dp->rcu) != w->answered};
}

static int worker(void *arg)
{
	struct dp_worker *w = arg;

	be_as_called();
	dp_rcu_register(dp.rcu, w->id);
	for (uint64_t done = 0; !__atomic_load_n(&dp.stop, __ATOMIC_RELAXED);) {
		if (atomic_load_explicit(&turns.asked, memory_order_acquire) == done) {
			wait();
			continue;
		}
		one_turn(w, turns.into);
		turns.into += turns.into != NULL;
		atomic_store_explicit(&turns.done, ++done, memory_order_release);
	}
	dp_held_finish(w);
	dp_rcu_unregister(dp.rcu, w->id);
	return 0;
}

// ---- the writer's time, which only goes by when something is done

static uint64_t time_ns = 1000000000u;

static uint64_t time_now(void)
{
	return time_ns;
}

static uint64_t env_now(void *ctx)
{
	return time_ns;
}

static uint64_t env_counted(void *ctx)
{
	return dp_rcu_pulsed_ns(dp.rcu);
}

static void env_retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	dp_rcu_retire(dp.rcu, fn, obj);
}

// A turn of the control thread's loop, as in dp_control.c.
static void control(void)
{
	static uint64_t second = 1000000000u;

	dp_rcu_pulse(dp.rcu, time_ns);
	dp_expiry_turn(&dp);
	dp_rcu_run(dp.rcu, time_now);
	if (time_ns - second >= 1000000000u) {
		second = time_ns;
		dp_expiry_second(&dp);
	}
	dp_expiry_run(&dp);
	dp_heap_run();
	dp_workers_prepare(&dp);
}

static void let(unsigned n)
{
	uint64_t until = turns.asked + n;

	atomic_store_explicit(&turns.asked, until, memory_order_release);
	while (atomic_load_explicit(&turns.done, memory_order_acquire) != until)
		wait();
	time_ns += 1000ull * n;
}

// ---- what comes in

static struct {
	struct rte_eth_fp_ops io;
	void *queue;
	unsigned at, n;
	uint64_t brought;
	uint8_t frame[FLOWS_MAX][64];
} source;

static uint16_t source_rx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	if (rte_pktmbuf_alloc_bulk(dp.pool, m, n))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		memcpy(rte_pktmbuf_append(m[i], LEN), source.frame[source.at], LEN);
		source.at = source.at + 1 < source.n ? source.at + 1 : 0;
	}
	source.brought += n;
	return n;
}

static void bring(unsigned flows)
{
	for (unsigned i = 0; i < flows; i++)
		put_frame(source.frame[i], &site_pool[random32() % flows]);
	source.n = flows;
	source.queue = &source;
	source.io.rx_pkt_burst = source_rx;
	source.io.rxq.data = &source.queue;
}

// ---- the data plane, without its sockets and its loops

static struct dp_port vm, uplink;
static struct ft_switch *sw;

static void start(unsigned worker_cpu, unsigned control_cpu, bool huge)
{
	cpu_set_t set;

	dp.opt = (struct dp_options){.no_huge = !huge,
		.workers = 1,
		.pinned = true,
		.worker_cpu = {(uint16_t)worker_cpu},
		.mem_mb = 512,
		.mbufs = 32768,
		.max_frame = 2048,
		.flow_cache = 2u << 20,
		.log_level = RTE_LOG_ERR};
	dp_heap_start(huge);
	be_ordinary();
	if (dp_eal_init(&dp.opt))
		exit(1);
	be_as_called();
	CPU_ZERO(&set);
	CPU_SET(control_cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("no such CPU");
	dp.seed = 1;
	dp.pool = dp_eal_pool(&dp.opt);
	dp.rcu = dp_rcu_new(1);
	dp.env = (struct ft_env){.retire = env_retire,
		.now_ns = env_now,
		.counted_ns = env_counted,
		.commons = ft_commons_new(1),
		.seed = 1,
		.workers = 1};
	dp.nobody = dp_tenant_nobody(&dp);
	dp.host.vxlan_port = 4789;
	dp.worker[0] = dp_worker_new(&dp, 0);
	if (!dp.pool || !dp.rcu || !dp.nobody || !dp.worker[0])
		fail("no memory");
	dp_workers_prepare(&dp);
}

static void open_ports(void)
{
	struct dp_null *null = dp_null_open(1, 0, dp.pool);

	uplink = (struct dp_port){.role = DP_UPLINK, .io = dp_null_io(null), .tenant = dp.nobody};
	vm = (struct dp_port){.role = DP_LOCAL, .io = &source.io, .ofport = 1, .index = 1};
	uplink.cfg.id = 1;
	vm.cfg.id = 2;
	uplink.next = &vm;
	for (struct dp_port *p = dp.ports.head = &uplink; p; p = p->next) {
		p->dev = p == &uplink ? DP_NO_DEV : 0; // bursts as from one of DPDK's
		p->link_up = true;
		p->mtu = p == &uplink ? 9000 : 1500;
		p->n_rxq = p->n_txq = 1;
	}
}

static void add_tenant(void)
{
	struct weft_ipc_tenant cfg = {.name = "red",
		.encap = WEFT_ENCAP_VXLAN,
		.vni = VNI,
		.max_rules = 1100000,
		.max_fdb = 10,
		.too_big = WEFT_TOO_BIG_DROP};
	struct weft_ip far = weft_ip_from_v4(htonl(0xc6120002u));
	struct weft_ipc_nexthop hop = {.vtep = far,
		.src = weft_ip_from_v4(htonl(0xc6120001u)),
		.port = 1,
		.flags = WEFT_NEXTHOP_RESOLVED,
		.src_mac = {{2, 1}},
		.dst_mac = {{2, 2}}};
	char why[100];

	TAILQ_INIT(&dp.tenants_stale);
	TAILQ_INIT(&dp.stages);
	if (dp_tenant_add(&dp, 1, &cfg, why))
		fail("no tenant");
	vm.tenant = dp_tenant_find(&dp, 1);
	sw = vm.tenant->sw;
	if (!dp_tenant_map_ports(&dp, vm.tenant) || dp_nexthop_set(&dp, &hop, why) ||
		dp_tenant_vtep_add(vm.tenant, &(struct weft_ipc_vtep){.ip = far}))
		fail("no VTEP");
	ft_port_set(sw, &(struct ft_port){.ofport = 1, .live = true});
	dp_tenants_refresh(&dp);
	if (!dp_workers_spread(&dp))
		fail("no memory");
}

// ---- rules

static uint8_t met; // the table in which rules change that packets meet

// To the VTEP.
static void add_sender(
	uint8_t table, const struct weft_flow_key *value, const struct weft_flow_key *mask)
{
	struct {
		struct weft_instructions i;
		struct weft_action set;
		struct weft_action_set_field to;
		struct weft_action out;
		struct weft_action_output how;
	} program = {
		{.apply_len = 64, .flags = WEFT_INSTR_APPLY},
		{WEFT_ACTION_SET_FIELD, 40, WEFT_FIELD_TUN_DST},
		{{198, 18, 0, 2}, {255, 255, 255, 255}},
		{WEFT_ACTION_OUTPUT, 16, WEFT_OFPORT_OVERLAY},
		{0},
	};
	struct weft_flow_mod mod = {.command = WEFT_FLOW_ADD,
		.table = table,
		.priority = 1,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};
	struct weft_match match;

	program.i.apply_len = sizeof(program) - sizeof(program.i);
	program.set.len = sizeof(program.set) + sizeof(program.to);
	program.out.len = sizeof(program.out) + sizeof(program.how);
	weft_match_from_key(&match, value, mask);
	if (ft_flow_mod(sw, &mod, &match, &program.i))
		fail("the rule that sends is refused");
}

static void add_rules(bool three)
{
	struct weft_flow_key value = {.in_port = htonl(1)}, mask = {.in_port = 0xffffffff};
	struct weft_flow_key none = {0};

	make_site();
	for (unsigned i = 0; i < FILTERS; i++) {
		struct weft_flow_key v, m;

		make_filter(i, 1, &v, &m); // and the flows
		if (three)
			add_rule(sw, 1, (uint16_t)(10 + random32() % FILTERS), &v, &m, 2);
	}
	met = three;
	if (three) {
		add_rule(sw, 1, 0, &none, &none, 2);
		add_rule(sw, 0, 1, &value, &mask, 1);
		value = (struct weft_flow_key){.eth_dst = {{2, 0, 0, 0, 0, 2}}};
		mask = (struct weft_flow_key){0};
		memset(&mask.eth_dst, 0xff, 6);
	}
	add_sender(three ? 2 : 0, &value, &mask);
	while (ft_settle(sw) || ft_settle(sw))
		;
	ft_settle_gist(sw);
	while (ft_settle_more(sw))
		;
}

// What the n-th rule of a storm matches.
static void match_of(const struct storm *s, unsigned n, struct weft_match *match)
{
	struct weft_flow_key value = {.eth_type = htons(0x800), .ip_proto = 6}, mask = {0};

	mask.eth_type = 0xffff;
	mask.ip_proto = 0xff;
	mask.ipv4_src = mask.ipv4_dst = 0xffffffff;
	mask.l4_src = mask.l4_dst = 0xffff;
	if (s->rules == FIVE_TUPLES) {
		value.ipv4_src = htonl(0x64400000u + n % 60000);
		value.ipv4_dst = htonl(0x0a000000u + n * 7 % 250);
		value.l4_src = htons((uint16_t)(1024 + n % 977));
		value.l4_dst = htons((uint16_t)(1 + n / 977));
	} else if (s->rules == NOBODYS) {
		mask.ipv4_dst = 0;
		mask.l4_src = 0;
		value.ipv4_src = htonl(0xcb007100u + n % 256);
		value.l4_dst = htons((uint16_t)(1 + n));
	} else {
		mask.ip_proto = 0;
		mask.ipv4_src = 0;
		mask.l4_src = mask.l4_dst = 0;
		value.ip_proto = 0;
		value.ipv4_dst = htonl(site_machine[n % MACHINES]);
	}
	weft_match_from_key(match, &value, &mask);
}

static unsigned rules_of(const struct storm *s)
{
	return s->rules == ONTO ? MACHINES : rules_at_most;
}

// Rules come until there are enough, and then they go.
static void change(const struct storm *s, unsigned n)
{
	unsigned many = rules_of(s);
	struct weft_instructions drop = {0},
				 on = {.flags = WEFT_INSTR_GOTO, .goto_table = (uint8_t)(met + 1)};
	struct weft_flow_mod mod = {
		.command = n / many % 2 ? WEFT_FLOW_DELETE_STRICT : WEFT_FLOW_ADD,
		.table = s->apart ? 9 : met,
		.priority = s->rules == ONTO ? 2000 : 1,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY};
	struct weft_match match;

	match_of(s, n % many, &match);
	if (ft_flow_mod(sw, &mod, &match, s->rules == ONTO && met ? &on : &drop))
		fail("a change is refused");
	time_ns += 500;
}

// A transaction; in the midst of a large one the worker has turns, too.
static unsigned transact(const struct storm *s, unsigned n)
{
	if (s->batch == 1) {
		change(s, n);
		return n + 1;
	}
	ft_txn_begin(sw);
	for (unsigned i = 0; i < s->batch; i++) {
		change(s, n++);
		if (i == s->batch / 2 && !s->away)
			let(s->turns / 2);
	}
	ft_txn_commit(sw);
	return n;
}

// A commit of nothing, and turns in its midst.
static void between(void)
{
	static struct ft_txn nothing;

	ft_epoch_commit_begins(sw, &nothing);
	let(3);
	ft_epoch_commit_ends(sw);
}

static void play(const struct storm *s, struct turn *into)
{
	unsigned n = 0;

	turns.into = NULL;
	let(100); // what the storm before has left
	turns.into = into;
	while (turns.into + s->turns + 3 < into + wanted) {
		for (unsigned i = 0; s->batch && i < (s->away ? COMMITS_AWAY : 1); i++) {
			n = transact(s, n);
			control();
		}
		if (s->away)
			dp_worker_was_away(dp.worker[0]);
		if (s->between)
			between();
		let(s->batch > 1 && !s->away ? s->turns / 2 : s->turns);
		control();
	}
	turns.into = NULL;
	while (n / rules_of(s) % 2 || n % rules_of(s)) {
		change(s, n++);
		control();
		let(1);
	}
}

// ---- what came of it

// All that came in is entered, as known or unknown, and has ended. The worker has.
static void check_ledger(void)
{
	struct weft_ipc_ledger l;

	while (ft_cache_fold(dp.worker[0]->cache))
		;
	dp_ledger_sum(vm.tenant->counters, dp_threads(&dp), &l);
	if (l.received != source.brought || l.cache_hits + l.cache_misses != l.received)
		fail("packets are not in the ledger");
	if (dp_ledger_balance(&l))
		fail("packets have come to no end");
}

int main(int argc, char **argv)
{
	bool three = argc > 2 && !strcmp(argv[2], "tables");
	const char *names[STORMS], *wrong;

	help_if_asked(argc, argv, usage);
	if (argc == 7)
		wanted = (unsigned)atoi(argv[6]);
	if (argc < 6 || argc > 7 || wanted < TURNS_LEAST || wanted > TURNS)
		wrong_call(usage);
	rules_at_most = RULES / (TURNS / wanted);
	// All lies where it lay in the run before.
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
	}
	memset(this_run, 1, sizeof(this_run)); // no page of it is touched first within a turn
	memset(this_run, 0, sizeof(this_run));
	one_cpu = atoi(argv[3]) == atoi(argv[4]);
	start((unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), !strcmp(argv[5], "huge"));
	told.first = turns_clock(argv[1]);
	if (!told.first)
		fail("FILE is not one of these");
	told.again = told.first->n;
	dp.worker[0]->pace.clock = tell_time;
	open_ports();
	add_tenant();
	add_rules(three);
	bring(three ? FLOWS_MAX : 1000);
	rte_eal_remote_launch(worker, dp.worker[0], 1);
	for (unsigned i = 0; i < WARM / 100; i++) {
		let(100);
		control();
	}
	for (unsigned s = 0; s < STORMS; s++)
		play(&storms[s], this_run[s]);
	__atomic_store_n(&dp.stop, true, __ATOMIC_RELAXED);
	be_ordinary(); // EAL waits for the worker awake
	rte_eal_mp_wait_lcore();
	check_ledger();
	dp_worker_free(dp.worker[0]);
	for (unsigned i = 0; i < STORMS; i++)
		names[i] = storms[i].name;
	wrong = turns_keep(argv[1], this_run, names, rte_get_tsc_hz());
	if (wrong)
		fail(wrong);
	return 0;
}
