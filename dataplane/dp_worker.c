// SPDX-License-Identifier: Apache-2.0
#include "dp_worker.h"

#include "dp_held.h"

#include "ports/dp_bond.h"
#include "edge/dp_reasm.h"

#include "flowtable/cache/commons.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_ring_elem.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define DP_IDLE_POLLS 100u
#define DP_HUGE_PAGE ((size_t)2 << 20)

// A burst of one queue, up to what is to be sent, which waits.
static inline unsigned dp_worker_burst(
	struct dp_worker *w, struct dp_port *port, uint16_t queue, unsigned max)
{
	struct rte_mbuf *m[DP_RX_BURST];
	unsigned n = dp_port_rx(port, queue, m, max);

	if (!n)
		return 0;
	dp_count(&w->stats.bursts, 1);
	w->now_ns = w->drops.now_ns = dp_clock_ns(&w->clock);
	dp_rx_burst(w, port, m, n);
	dp_encap_flush(w);
	return n;
}

// How much may be received from a queue, which may be held.
static inline unsigned dp_worker_most(struct dp_worker *w, struct dp_port *port, uint16_t queue)
{
	bool may = dp_held_has_room(w);

	dp_held_allow(w, may ? port : NULL, queue);
	if (dp_held_has(w, port, queue))
		return 0;
	if (port->dev == DP_NO_DEV)
		return DP_RX_BURST;
	return may ? w->burst
		   : RTE_MIN(w->burst, dp_held_any(w) ? DP_PACE_FIRST : DP_RX_BURST_LATE);
}

unsigned dp_worker_receive(struct dp_worker *w, struct dp_port *port, uint16_t queue, bool tend)
{
	unsigned max = dp_worker_most(w, port, queue), held = w->held.n;
	unsigned n = max ? dp_worker_burst(w, port, queue, max) : 0, total = n;

	if (unlikely(port->bond && tend))
		dp_bond_tend(w, port, queue);
	if (!n)
		return 0;
	if (w->tx.spread) {
		uint64_t until = w->now_ns + DP_GATHER_NS;

		while (n == max && w->held.n == held && w->tx.n + max <= DP_TX_LIST &&
			w->now_ns < until)
			total += n = dp_worker_burst(w, port, queue, max);
	}
	dp_tx_flush(w);
	return total;
}

static unsigned dp_worker_poll(struct dp_worker *w)
{
	struct dp_poll_list *list = __atomic_load_n(&w->polls, __ATOMIC_ACQUIRE);
	unsigned turn = w->turn++, total = 0;

	for (unsigned word = 0; 64 * word < list->n; word++) {
		for (uint64_t due = dp_poll_due(list, word, turn, w->idle); due; due &= due - 1) {
			unsigned i = 64 * word + (unsigned)__builtin_ctzll(due), n;
			const struct dp_poll *p = &list->poll[i];
			struct dp_port *port = __atomic_load_n(&p->port, __ATOMIC_ACQUIRE);

			if (unlikely(!port))
				continue; // dp_unpublish.h
			n = dp_worker_receive(w, port, p->queue, turn % DP_BOND_TURNS == 0);
			dp_poll_brought(list, i, n);
			total += n;
		}
	}
	w->idle = !total;
	return total;
}

static unsigned dp_worker_rings(struct dp_worker *w)
{
	unsigned packet_outs = rte_ring_count(w->packet_outs), n = 0; // as in dp_tx_inbox()
	struct dp_packet_out *po;

	if (packet_outs) {
		w->now_ns = w->drops.now_ns = dp_clock_ns(&w->clock);
		for (; n < packet_outs; n++) {
			if (rte_ring_sc_dequeue(w->packet_outs, (void **)&po))
				break;
			dp_rx_packet_out(w, po);
		}
		dp_encap_flush(w);
	}
	if (!rte_ring_empty(w->inbox)) {
		dp_tx_inbox(w);
		n++;
	}
	if (w->tx.n)
		dp_tx_flush(w);
	return n;
}

static void dp_worker_sleep(unsigned usec)
{
	struct timespec ts = {.tv_nsec = (long)usec * 1000};

	nanosleep(&ts, NULL);
}

static inline void dp_worker_busy_turn(struct dp_worker *w, uint64_t cycles)
{
	struct dp_worker_stats *s = &w->stats;

	if (cycles > __atomic_load_n(&s->longest_cycles, __ATOMIC_RELAXED))
		__atomic_store_n(&s->longest_cycles, cycles, __ATOMIC_RELAXED);
	if (likely(cycles <= w->cycles_10us))
		return;
	dp_count(&s->over_10us, 1);
	if (cycles > 5 * w->cycles_10us)
		dp_count(&s->over_50us, 1);
	if (cycles > 50 * w->cycles_10us)
		dp_worker_was_away(w);
}

// The turn that ended now, and when: two reads of the counter a turn, not a packet.
static uint64_t dp_worker_turn(struct dp_worker *w, uint64_t began, unsigned packets, bool busy)
{
	uint64_t now = rte_rdtsc();

	if (packets)
		dp_count(&w->stats.packets, packets);
	if (busy)
		dp_worker_busy_turn(w, now - began);
	dp_count(busy ? &w->stats.busy_cycles : &w->stats.idle_cycles, now - began);
	return now;
}

// Tells the counters, as long as there is time: if there was none, in some turn soon. False: there
// is more.
static bool dp_worker_fold(struct dp_worker *w)
{
	if (!dp_pace_has_time(&w->pace) && ++w->late < DP_LATE_TURNS)
		return false;
	w->late = 0;
	for (unsigned step = 0; ft_cache_fold(w->cache);)
		if (++step == DP_FOLD_STEPS || !dp_pace_has_time(&w->pace))
			return false;
	return true;
}

// If somebody waits for it. False: it comes in one of the next turns.
static bool dp_worker_quiescent(struct dp_worker *w)
{
	uint64_t asked = dp_rcu_asked(w->dp->rcu);

	if (asked == w->answered)
		return true;
	if (dp_held_any(w)) {
		w->held.put_off++;
		return false;
	}
	if (w->cache && !dp_worker_fold(w))
		return false;
	dp_rcu_quiescent(w->dp->rcu, w->id);
	w->answered = asked;
	w->held.put_off = 0;
	return true;
}

// How much the next turn may receive, by what this one learned.
static inline void dp_worker_next_burst(struct dp_worker *w)
{
	if (unlikely(w->learned > DP_LEARNED_MANY))
		w->burst = RTE_MIN(2u * w->burst, DP_RX_BURST_CHANGED);
	else if (unlikely(w->burst < DP_RX_BURST))
		w->burst *= 2;
}

static inline void dp_worker_look_for_changes(struct dp_worker *w)
{
	uint64_t changes = ft_commons_changes(w->dp->env.commons);
	bool changed = changes != w->changes;

	if (unlikely(changed))
		dp_worker_met_change(w, w->changing);
	w->changing = changed;
	w->changes = changes;
}

unsigned dp_worker_once(struct dp_worker *w, uint64_t began, unsigned *packets)
{
	const struct dp_bfd_table *bfd;
	unsigned work = 0;

	w->learned = 0;
	dp_pace_turn(&w->pace, began);
	dp_worker_look_for_changes(w);
	if (dp_held_any(w))
		work = dp_held_go_on(w);
	*packets = dp_worker_poll(w);
	dp_worker_next_burst(w);
	work += *packets + dp_worker_rings(w);
	bfd = __atomic_load_n(&w->dp->bfd.table, __ATOMIC_ACQUIRE);
	if (bfd && w->id == 0)
		dp_bfd_run(w, bfd);
	if (__builtin_expect(w->reasm != NULL, 0))
		dp_reasm_sweep(w);
	return work + !dp_worker_quiescent(w);
}

int dp_worker_main(void *arg)
{
	struct dp_worker *w = arg;
	unsigned idle = 0, sleep_us = w->dp->opt.idle_sleep_us;
	uint64_t began = rte_rdtsc();

	prctl(PR_SET_TIMERSLACK, 1000ul); // or every sleep is 50 us longer than asked
	__atomic_store_n(&w->stats.thread, (uint32_t)rte_gettid(), __ATOMIC_RELAXED);
	dp_rcu_register(w->dp->rcu, w->id);
	while (!__atomic_load_n(&w->dp->stop, __ATOMIC_RELAXED)) {
		unsigned packets, work = dp_worker_once(w, began, &packets);

		idle = work ? 0 : idle + 1;
		if (sleep_us && idle > DP_IDLE_POLLS)
			dp_worker_sleep(sleep_us);
		began = dp_worker_turn(w, began, packets, work);
	}
	dp_held_finish(w);
	if (w->id == 0)
		dp_bfd_farewell(w);
	dp_rcu_unregister(w->dp->rcu, w->id);
	return 0;
}

static struct rte_ring *dp_worker_ring(
	const char *what, unsigned id, unsigned esize, unsigned n, unsigned flags)
{
	char name[32];

	snprintf(name, sizeof(name), "weft-%s-%u", what, id);
	return rte_ring_create_elem(name, esize, n, SOCKET_ID_ANY, flags);
}

// Zeros, from the edge of a huge page on; NULL: no memory. Pages that nothing was ever put into
// cost nothing, and a machine that has not memory for all of them may have enough.
static void *dp_worker_map(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), more = DP_HUGE_PAGE - page, before;
	char *at;

	bytes = RTE_ALIGN_CEIL(bytes, page);
	at = mmap(NULL, bytes + more, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	before = -(uintptr_t)at & (DP_HUGE_PAGE - 1);
	if (at == MAP_FAILED)
		return NULL;
	if (before)
		munmap(at, before);
	if (before < more)
		munmap(at + before + bytes, more - before);
	return at + before;
}

static bool dp_worker_cache(struct dp_worker *w)
{
	unsigned flows = w->dp->opt.flow_cache;
	void *memory;

	if (!flows)
		return true;
	memory = dp_worker_map(ft_cache_bytes(flows));
	if (!memory)
		return false;
	madvise(memory, ft_cache_huge_bytes(flows), MADV_HUGEPAGE);
	w->cache = ft_cache_init(memory, flows, w->id, w->dp->seed);
	ft_cache_tell(w->cache, dp_path_told, w);
	return true;
}

static void dp_worker_populate(void *at, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)at & ~(page - 1);

	madvise((void *)from, (uintptr_t)at + bytes - from, MADV_POPULATE_WRITE); // or not
}

// With --no-huge, too: the kernel's huge pages are others, and to clear one takes it milliseconds.
void dp_workers_prepare(struct dp *dp)
{
	for (unsigned i = 0; i < dp->opt.workers; i++)
		if (dp->worker[i]->cache)
			ft_cache_prepare(dp->worker[i]->cache, dp_worker_populate);
}

struct dp_worker *dp_worker_new(struct dp *dp, unsigned id)
{
	const unsigned spsc = RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct dp_worker *w = rte_zmalloc("worker", sizeof(*w), 64);

	if (!w)
		return NULL;
	memset(w, 0, sizeof(*w)); // zeros as it is, but no page of it is met first by a packet
	w->dp = dp;
	w->id = id;
	w->burst = DP_RX_BURST;
	w->cycles_10us = rte_get_tsc_hz() / 100000;
	w->drops.thread = id;
	dp_clock_init(&w->clock, rte_get_tsc_hz());
	dp_pace_init(&w->pace, rte_get_tsc_hz());
	w->polls = dp_poll_list_new(0);
	w->inbox = dp_worker_ring("inbox", id, 8, DP_INBOX_SIZE, RING_F_SC_DEQ);
	w->packet_outs = dp_worker_ring("packet-out", id, 8, DP_PACKET_OUTS_SIZE, spsc);
	w->punts = dp_worker_ring("punt", id, 8, DP_PUNTS_SIZE, spsc);
	w->events = dp_worker_ring("event", id, sizeof(struct dp_event), DP_EVENTS_SIZE, spsc);
	w->rules = dp_worker_ring("rule", id, sizeof(struct dp_learned_rule), DP_RULES_SIZE, spsc);
	if (!w->polls || !w->inbox || !w->packet_outs || !w->punts || !w->events || !w->rules ||
		!dp_worker_cache(w)) {
		dp_worker_free(w);
		return NULL;
	}
	for (unsigned i = 0; i < DP_CLONES; i++)
		w->clone_free[w->n_clone_free++] = &w->clones[i];
	dp_sink_init(w);
	return w;
}

void dp_worker_free(struct dp_worker *w)
{
	if (!w)
		return;
	free(w->polls);
	rte_ring_free(w->inbox);
	rte_ring_free(w->packet_outs);
	rte_ring_free(w->punts);
	rte_ring_free(w->events);
	rte_ring_free(w->rules);
	if (w->cache)
		munmap(w->cache, ft_cache_bytes(w->dp->opt.flow_cache));
	rte_free(w);
}

// Receive queues of a port lie on successive workers, from the one that had fewest when the port
// came. That never changes while the port lives: two workers must not poll one queue, and while
// lists are exchanged one worker may see its new list before another has left its old one.
static void dp_worker_deal(struct dp *dp, unsigned id, struct dp_poll_list *list)
{
	for (struct dp_port *p = dp->ports.head; p; p = p->next) {
		if (p->hidden)
			continue;
		for (uint16_t q = 0; q < p->n_rxq; q++)
			if ((p->first_worker + q) % dp->opt.workers == id)
				dp_poll_list_add(list, p, q, p->bond != NULL);
	}
}

bool dp_workers_spread(struct dp *dp)
{
	struct dp_poll_list *fresh[DP_MAX_WORKERS] = {0};
	unsigned n = dp->opt.workers, queues = 0;

	for (const struct dp_port *p = dp->ports.head; p; p = p->next)
		queues += p->n_rxq;
	for (unsigned i = 0; i < n; i++) {
		fresh[i] = dp_poll_list_new(queues);
		if (!fresh[i])
			goto fail;
		dp_worker_deal(dp, i, fresh[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct dp_poll_list *old = dp->worker[i]->polls;

		__atomic_store_n(&dp->worker[i]->polls, fresh[i], __ATOMIC_RELEASE);
		dp_rcu_retire(dp->rcu, free, old);
	}
	return true;
fail:
	for (unsigned i = 0; i < n; i++)
		free(fresh[i]);
	return false;
}

bool dp_worker_packet_out(struct dp *dp, struct dp_packet_out *po)
{
	struct dp_counters *c = &po->tenant->counters[dp_control(dp)];

	dp_count(&c->queued, 1);
	if (rte_ring_sp_enqueue(dp->worker[0]->packet_outs, po)) {
		dp_count(&c->unqueued, 1);
		return false;
	}
	dp_rcu_retire2(dp->rcu, free, po);
	return true;
}
