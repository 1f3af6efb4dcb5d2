// SPDX-License-Identifier: Apache-2.0
#pragma once
// The data plane of eal.h with the sockets that agents come to, in a folder of its own.

#include "eal.h"
#include "ipc/dp_ipc.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char served_folder[] = "/tmp/weft-served-XXXXXX", served_path[64], served_punt_path[64];

// After eal_up() and eal_with_tenants(). False: no memory, or no folder.
static inline bool served_up(void)
{
	if (!mkdtemp(served_folder))
		return false;
	snprintf(served_path, sizeof(served_path), "%s/s", served_folder);
	snprintf(served_punt_path, sizeof(served_punt_path), "%s/p", served_folder);
	eal_dp.punt = dp_punt_new(&eal_dp, served_punt_path);
	eal_dp.ipc = dp_ipc_new(&eal_dp, served_path);
	return eal_dp.ipc;
}

// All tenants go first. In the place of eal_down().
static inline int served_down(void **state)
{
	while (eal_dp.tenants)
		dp_tenant_del(&eal_dp, eal_dp.tenants);
	while (dp_rcu_poll(eal_dp.rcu))
		;
	dp_ipc_free(eal_dp.ipc);
	dp_punt_free(eal_dp.punt);
	unlink(served_path);
	unlink(served_punt_path);
	rmdir(served_folder);
	return eal_down(state);
}
