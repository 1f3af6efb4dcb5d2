// SPDX-License-Identifier: Apache-2.0
#include "dp_eal.h"

#include "dp_log.h"
#include "dp_mbuf.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DP_EAL_ARGS 64
#define DP_EAL_SET 1024 // characters of a set of CPUs

int dp_logtype;

struct dp_eal_args {
	int argc;
	char *argv[DP_EAL_ARGS + 1];
	char *kept[DP_EAL_ARGS];
};

// EAL keeps pointers to some of them, so none is freed; and it writes the program's name over the
// last, which `kept` has for leak checkers.
static void dp_eal_add(struct dp_eal_args *a, const char *arg)
{
	if (a->argc == DP_EAL_ARGS)
		return;
	a->kept[a->argc] = strdup(arg);
	a->argv[a->argc] = a->kept[a->argc];
	a->argc++;
}

// As EAL writes a set: (0-3,5).
static void dp_eal_write(const cpu_set_t *set, char *buf, size_t size)
{
	const char *sep = "(";
	size_t used = 0;

	for (unsigned cpu = 0, end; cpu < CPU_SETSIZE && used < size; cpu = end + 1, sep = ",") {
		while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, set))
			cpu++;
		for (end = cpu; end + 1 < CPU_SETSIZE && CPU_ISSET(end + 1, set);)
			end++;
		if (cpu < CPU_SETSIZE)
			used += (size_t)snprintf(buf + used, size - used, "%s%u-%u", sep, cpu, end);
	}
	if (used < size)
		snprintf(buf + used, size - used, ")");
}

static unsigned dp_eal_take_last(cpu_set_t *set)
{
	unsigned cpu = CPU_SETSIZE - 1;

	while (cpu && !CPU_ISSET(cpu, set))
		cpu--;
	CPU_CLR(cpu, set);
	return cpu;
}

// Workers that never sleep want a CPU each; those that do may share, and must not be pinned to one
// that another data plane's worker has as well. The control thread keeps off the CPUs that workers
// have for themselves, if there is another: the kernel would have it take its part of one.
void dp_eal_lcores(const struct dp_options *o, const cpu_set_t *cpus, char *buf, size_t size)
{
	bool own = !o->pinned && !o->idle_sleep_us && CPU_COUNT(cpus) > (int)o->workers;
	cpu_set_t rest = *cpus;
	unsigned cpu[DP_MAX_WORKERS];
	char others[DP_EAL_SET];
	size_t used;

	for (unsigned w = 0; w < o->workers && (o->pinned || own); w++) {
		cpu[w] = o->pinned ? o->worker_cpu[w] : dp_eal_take_last(&rest);
		CPU_CLR(cpu[w], &rest);
	}
	dp_eal_write(CPU_COUNT(&rest) ? &rest : cpus, others, sizeof(others));
	used = (size_t)snprintf(buf, size, "0@%s", others);
	for (unsigned w = 0; w < o->workers && used < size; w++)
		used += o->pinned || own
				? (size_t)snprintf(buf + used, size - used, ",%u@%u", w + 1, cpu[w])
				: (size_t)snprintf(
					  buf + used, size - used, ",%u@%s", w + 1, others);
}

// As EAL looks, which answers with a page of its own options.
static bool dp_eal_has_cpus(const struct dp_options *o)
{
	char path[64];

	for (unsigned w = 0; o->pinned && w < o->workers; w++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/core_id",
			o->worker_cpu[w]);
		if (!access(path, F_OK))
			continue;
		fprintf(stderr, "weft-dataplane: --workers: there is no CPU %u here\n",
			o->worker_cpu[w]);
		return false;
	}
	return true;
}

// EAL promises all that it is asked for of ordinary memory, and is at it for minutes.
static bool dp_eal_has_memory(const struct dp_options *o)
{
	uint64_t mb = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;

	if (o->mem_mb <= mb)
		return true;
	fprintf(stderr, "weft-dataplane: --mem %u: this machine has %llu MB\n", o->mem_mb,
		(unsigned long long)mb);
	return false;
}

static void dp_eal_add_user(struct dp_eal_args *a, const char *text)
{
	char *copy = strdup(text);

	for (char *save, *arg = strtok_r(copy, " ", &save); arg; arg = strtok_r(NULL, " ", &save))
		dp_eal_add(a, arg);
	free(copy);
}

// Nothing that a second data plane could meet: no shared configuration, no files.
static void dp_eal_memory(struct dp_eal_args *a, const struct dp_options *o)
{
	dp_eal_add(a, "--file-prefix=weft"); // a directory, which stays empty
	if (o->no_huge) {                    // which EAL cannot do together with --in-memory
		dp_eal_add(a, "--no-huge");
		dp_eal_add(a, "--no-shconf");
		return;
	}
	dp_eal_add(a, "--in-memory");
	if (o->huge_dir) {
		dp_eal_add(a, "--huge-dir");
		dp_eal_add(a, o->huge_dir);
	}
}

int dp_eal_init(const struct dp_options *o)
{
	static struct dp_eal_args a;
	char lcores[(DP_MAX_WORKERS + 1) * (DP_EAL_SET + 8)], mem[16], level[32];
	cpu_set_t cpus;

	if (!dp_eal_has_cpus(o) || !dp_eal_has_memory(o))
		return -1;
	if (sched_getaffinity(0, sizeof(cpus), &cpus)) { // more of them than bits
		perror("weft-dataplane: CPUs");
		return -1;
	}
	dp_eal_lcores(o, &cpus, lcores, sizeof(lcores));
	snprintf(mem, sizeof(mem), "%u", o->mem_mb);
	snprintf(level, sizeof(level), "--log-level=%u", o->log_level);
	dp_eal_add(&a, "weft-dataplane");
	dp_eal_add(&a, "--no-telemetry");
	dp_eal_add(&a, "--lcores");
	dp_eal_add(&a, lcores);
	dp_eal_add(&a, "--main-lcore=0");
	dp_eal_add(&a, "-m");
	dp_eal_add(&a, mem);
	dp_eal_add(&a, level);
	dp_eal_memory(&a, o);
	if (!o->pci)
		dp_eal_add(&a, "--no-pci");
	if (o->eal)
		dp_eal_add_user(&a, o->eal);
	if (rte_eal_init(a.argc, a.argv) < 0) {
		fprintf(stderr, "weft-dataplane: EAL: %s%s\n", rte_strerror(rte_errno),
			o->no_huge ? "" : " (no huge pages? sysctl vm.nr_hugepages, or --no-huge)");
		return -1;
	}
	dp_logtype = rte_log_register_type_and_pick_level("weft", o->log_level);
	// It complains of what it does without well: a multi-queue discipline, other processes.
	if (o->log_level < RTE_LOG_INFO) {
		rte_log_set_level_pattern("pmd.net.tap", RTE_LOG_CRIT);
		rte_log_set_level_pattern("pmd.net.bon*", RTE_LOG_CRIT);
	}
	return 0;
}

struct rte_mempool *dp_eal_pool(const struct dp_options *o)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("weft", o->mbufs,
		o->mbufs >= 4096 ? 256 : 64, sizeof(struct dp_meta),
		(uint16_t)(RTE_PKTMBUF_HEADROOM + o->max_frame), SOCKET_ID_ANY);

	if (!pool)
		DP_LOG(ERR, "%u packet buffers of %u bytes: %s; more --mem or fewer --mbufs",
			o->mbufs, o->max_frame, rte_strerror(rte_errno));
	return pool;
}
