// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tenant's switch is made of; for the files of this folder only.
//
// The upper part is read by workers while the writer changes it: atomics, and pointers to what is
// replaced as a whole. The lower part is the writer's alone.

#include "flowtable/cache/commons.h"
#include "flowtable/rules/cookies.h"
#include "flowtable/cache/front.h"
#include "flowtable/rules/group.h"
#include "flowtable/cache/history.h"
#include "flowtable/rules/ids.h"
#include "flowtable/rules/learn.h"
#include "flowtable/rules/meter.h"
#include "flowtable/port.h"
#include "flowtable/rules/program.h"
#include "flowtable/cache/relevance.h"
#include "flowtable/rules/table.h"
#include "flowtable/rules/table_config.h"
#include "flowtable/rules/timer.h"
#include "flowtable/rules/trigger.h"
#include "flowtable/txn.h"

struct ft_gist;
struct ft_fdb;
// NULL: no memory. It may use sw->env and sw->limits.
struct ft_fdb *ft_fdb_new(struct ft_switch *);
// With no worker left.
void ft_fdb_destroy(struct ft_fdb *);

struct ft_table;

#define FT_TABLES_HERE 8u // in a switch itself, one line
struct ft_more_tables {
	_Atomic(struct ft_table *) table[WEFT_TABLES - FT_TABLES_HERE];
};

struct ft_switch {
	// ---- workers read; what nearly every packet needs first, in one line and the tables'
	_Atomic uint64_t version;
	_Atomic unsigned flags;                  // FT_SWITCH_*
	_Atomic uint32_t network_id;             // VNI or VSID
	_Atomic uint32_t port_configs;           // WEFT_PORT_*: what any port has
	_Atomic uint8_t first_egress;            // egress.h; 0: there is none
	struct ft_table_counter *table_counters; // commons.h
	uint64_t table_counters_step;            // from one table's to the next one's
	struct ft_idmap ports;                   // to struct ft_port_entry
	// NULL: never had a rule; more_tables NULL: none of those had
	_Alignas(64) _Atomic(struct ft_table *) tables[FT_TABLES_HERE];
	_Atomic(struct ft_more_tables *) more_tables;
	struct ft_counters counters; // of rules
	_Atomic(struct ft_port_list *) port_list;
	struct ft_fdb *fdb; // constant; ft_fdb_new(), ft_fdb_destroy() of fdb.h
	struct ft_env env;
	struct ft_learners learners; // their memory
	struct ft_idmap groups;      // to struct ft_group, the newest
	struct ft_idmap meters;      // to struct ft_meter, the newest
	struct ft_front *front;      // constant; what known packets need
	struct {
		_Atomic(struct ft_history *) history; // NULL: no flow cache asked for it yet
		atomic_bool asked;                    // and now one has
		struct weft_flow_key relevant;        // the writer's: what the masks are made of
		struct ft_masks *masks;               // the writer's: those of the front
	} cache;                                      // for the flow caches (cache.h)

	// ---- the writer's alone
	_Alignas(64) void *ctx; // for env.removed and, constant as it is, env.vtep_live
	struct ft_limits limits;
	struct ft_txn *txn;    // the open one, NULL: none
	uint64_t next_version; // never given out yet
	struct ft_garbage_list garbage;
	unsigned entered;           // depth of public calls; garbage goes out at depth 0
	bool dying;                 // freed when the last batch is back
	struct ft_garbage farewell; // makes ft_switch_free() wait
	unsigned batches;           // handed to env.retire, not back yet
	struct ft_ids ids;
	struct ft_cookies cookies;
	struct ft_programs programs;
	struct ft_timers timers;
	struct ft_triggers triggers;
	uint32_t rules; // as staged, like the next two
	uint32_t group_count;
	uint32_t meter_count;
	uint64_t group_mark;            // of the latest loop check
	struct ft_table *dirty;         // tables whose order of subtables is to be published
	bool restless;                  // some table is
	bool grows;                     // some table's second form is being made
	uint32_t gists;                 // that were made,
	uint64_t gist_version;          // the latest, or tried to be, of this version
	struct ft_gist_growing *growth; // of a gist; NULL: none is being made
	struct ft_table_config *config; // of WEFT_TABLES; NULL: nothing was ever set
	struct ft_monitors *monitors;   // NULL: none was ever set
	uint64_t cause;                 // ft_cause()
	struct {
		struct ft_txn *first, *last;
	} changes;          // committed, not told yet
	unsigned vacancies; // tables that tell of theirs
	bool shapes_went;   // the relevance may shrink
	uint32_t buried;    // numbers whose rules are freed, at the end
	bool untidy;        // some heap is, or was when it was full
	struct {
		uint32_t tables;    // whose heap grows
		uint32_t next, end; // numbers of rules
		uint64_t version;   // what came later has entered by itself
	} evict;
};

// Workers, once a burst: the version to look at everything by.
static inline uint64_t ft_version(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->version, memory_order_acquire);
}

static inline unsigned ft_flags(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->flags, memory_order_relaxed);
}

// Workers: before they look at anything else of the switch.
static inline uint64_t ft_epoch(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->front->epoch, memory_order_acquire);
}

static inline uint64_t ft_base_epoch(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->front->base_epoch, memory_order_relaxed);
}

// One worker's counter of a table.
static inline struct ft_table_counter *ft_table_counter(
	const struct ft_switch *sw, unsigned worker, uint8_t table)
{
	size_t i = (size_t)worker * (WEFT_TABLES + 1) + table;

	return &sw->table_counters[i * sw->table_counters_step];
}

// Writer: as of when the counters are told.
static inline uint64_t ft_counted_ns(const struct ft_switch *sw)
{
	return sw->env.counted_ns ? sw->env.counted_ns(sw->env.ctx) : sw->env.now_ns(sw->env.ctx);
}

// Writer: around the publication of a version.
void ft_epoch_commit_begins(struct ft_switch *, const struct ft_txn *);
void ft_epoch_commit_ends(struct ft_switch *);

// Writer: the FDB has changed.
static inline void ft_fdb_changed(struct ft_switch *sw)
{
	atomic_fetch_add_explicit(&sw->front->fdb_epoch, 1, memory_order_release);
}

static_assert(offsetof(struct ft_switch, tables) == 64, "one line before the tables");

// With no worker left and nothing handed to env.retire. Of many rules in steps, between which
// env.retire is asked for a turn.
void ft_switch_bury(struct ft_switch *);
void ft_switch_destroy(struct ft_switch *); // at once
