// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_port_shell.h"

#include "dp.h"
#include "ports/dp_port_dev.h"
#include "tenants/dp_tenant.h"

#include <stdlib.h>

static uint16_t dp_port_shell_rx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return 0;
}

static uint16_t dp_port_shell_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return 0;
}

static void *dp_port_shell_queues[DP_MAX_WORKERS];
static const struct rte_eth_fp_ops dp_port_shell_io = {
	.rx_pkt_burst = dp_port_shell_rx,
	.tx_pkt_burst = dp_port_shell_tx,
	.rxq.data = dp_port_shell_queues,
	.txq.data = dp_port_shell_queues,
};

void dp_port_shell_mark(const struct dp *dp, struct dp_port *p)
{
	p->hidden_at = dp->fresh;
}

bool dp_port_was_led_to(const struct dp_port *p, uint64_t then)
{
	return p->role == DP_UPLINK && p->hidden && p->hidden_at == then;
}

// All that a worker could get into the device by.
static void dp_port_shell_empty(struct dp *dp, struct dp_port *p)
{
	__atomic_store_n(&p->bond, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&p->kdev, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&p->io, &dp_port_shell_io, __ATOMIC_RELEASE);
	p->dev = DP_NO_DEV;
	p->vhost = NULL;
	p->null = NULL;
	p->peer = NULL;
	// A worker may be in the midst of a burst to the device, and another has got frames for it.
	dp_rcu_synchronize2(dp->rcu);
}

// There is room for one more afterwards, unless there is no memory for ways without them.
static void dp_port_shells_trim(struct dp *dp)
{
	if (dp->ports.n_shells < DP_SHELLS_MAX)
		return;
	dp_tenants_refresh(dp);
	dp_port_shells_poll(dp);
	for (unsigned graces = 0; graces < 2; graces++) {
		dp_rcu_poll(dp->rcu);
		dp_rcu_synchronize(dp->rcu);
	}
	dp_rcu_poll(dp->rcu);
}

void dp_port_leave_shell(struct dp *dp, struct dp_port *p)
{
	struct dp_port device = *p;

	dp_port_shell_empty(dp, p);
	dp_port_dev_close(&device);
	dp_port_shells_trim(dp);
	p->next = dp->ports.shells;
	dp->ports.shells = p;
	dp->ports.n_shells++;
}

static void dp_port_shell_free(void *obj)
{
	struct dp_port *p = obj;
	struct dp_ports *ports = &p->tenant->dp->ports; // nobody's
	struct dp_port **at = &ports->shells;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	ports->n_shells--;
	free(p);
}

void dp_port_shells_poll(struct dp *dp)
{
	for (struct dp_port *p = dp->ports.shells, *next; p; p = next) {
		next = p->next;
		if (p->leaves || dp_port_was_led_to(p, dp->fresh))
			continue;
		p->leaves = true;
		dp_rcu_retire2(dp->rcu, dp_port_shell_free, p);
	}
}

void dp_port_shells_fini(struct dp *dp)
{
	for (struct dp_port *p = dp->ports.shells; p; p = p->next)
		p->hidden_at = UINT64_MAX;
	dp_port_shells_poll(dp);
}
