// SPDX-License-Identifier: Apache-2.0
// What the data plane's worker threads did since they started.
#include "cli/answer.h"
#include "cli/commands.h"

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

static void on_worker(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_worker w;

	memcpy(&w, body, sizeof(w));
	json_array_append_new(r->rows,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, "
			  "s:I, s:I, s:f, s:I, s:I}",
			"worker", (json_int_t)w.id, "thread", (json_int_t)w.thread, "packets",
			(json_int_t)w.packets, "bursts", (json_int_t)w.bursts, "busy_cycles",
			(json_int_t)w.busy_cycles, "idle_cycles", (json_int_t)w.idle_cycles,
			"cycles_hz", (json_int_t)w.cycles_hz, "busy_percent",
			100 * ratio(w.busy_cycles, w.busy_cycles + w.idle_cycles),
			"packets_per_burst", ratio(w.packets, w.bursts), "cycles_per_packet",
			ratio(w.busy_cycles, w.packets), "longest_us",
			1e6 * ratio(w.longest_cycles, w.cycles_hz), "cache_hits",
			(json_int_t)w.cache_hits, "cache_misses", (json_int_t)w.cache_misses,
			"cache_inserts", (json_int_t)w.cache_inserts, "cache_flows",
			(json_int_t)w.cache_flows, "cache_room", (json_int_t)w.cache_room,
			"cache_hit_percent",
			100 * ratio(w.cache_hits, w.cache_hits + w.cache_misses), "turns_over_10us",
			(json_int_t)w.over_10us, "turns_over_50us", (json_int_t)w.over_50us));
}

void command_worker_list(struct request *r)
{
	static const struct column columns[] = {{"WORKER", "worker"}, {"THREAD", "thread"},
		{"PACKETS", "packets"}, {"PACKETS/BURST", "packets_per_burst", UNIT_RATIO},
		{"BUSY %", "busy_percent", UNIT_RATIO},
		{"CYCLES/PACKET", "cycles_per_packet", UNIT_RATIO},
		{"LONGEST US", "longest_us", UNIT_RATIO}, {"OVER 50 US", "turns_over_50us"},
		{"CACHE HIT %", "cache_hit_percent", UNIT_RATIO},
		{"CACHE INSERTS", "cache_inserts"}, {"CACHE FLOWS", "cache_flows"},
		{"OF", "cache_room"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_WORKERS, on_worker, columns, "no workers"};

	answer_listing(r, &listing);
}
