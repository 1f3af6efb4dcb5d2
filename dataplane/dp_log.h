// SPDX-License-Identifier: Apache-2.0
#pragma once
// The data plane's log: stderr, one line an event, levels as in syslog. Control thread only: a
// worker counts, it does not write.

#include <rte_log.h>

extern int dp_logtype;

#define DP_LOG(level, fmt, ...)                                                                    \
	rte_log(RTE_LOG_##level, dp_logtype, "weft-dataplane: " fmt "\n", ##__VA_ARGS__)
