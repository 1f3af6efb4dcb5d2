// SPDX-License-Identifier: Apache-2.0
#include "dp_mute.h"

#include "dp_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *family, *name;
	int value;
} dp_mute_settings[DP_MUTE_SETTINGS] = {
	{"ipv4", "arp_ignore", 8}, // no reply for any local address
	{"ipv4", "rp_filter", 1},  // strict
	{"ipv6", "disable_ipv6", 1},
};

static FILE *dp_mute_open(unsigned i, const char *ifname, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", dp_mute_settings[i].family,
		ifname, dp_mute_settings[i].name);
	return fopen(path, mode);
}

static int dp_mute_read(unsigned i, const char *ifname)
{
	FILE *f = dp_mute_open(i, ifname, "re");
	int value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static int dp_mute_write(unsigned i, const char *ifname, int value)
{
	FILE *f = dp_mute_open(i, ifname, "we");

	if (!f)
		return -errno;
	fprintf(f, "%d\n", value);
	return fclose(f) ? -errno : 0;
}

void dp_mute(struct dp_mute *m, const char *ifname)
{
	for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++) {
		int rc;

		m->was[i] = dp_mute_read(i, ifname);
		if (m->was[i] < 0)
			continue; // no IPv6, for one
		rc = dp_mute_write(i, ifname, dp_mute_settings[i].value);
		if (rc)
			DP_LOG(WARNING, "cannot set %s of %s: %s; the kernel may answer there",
				dp_mute_settings[i].name, ifname, strerror(-rc));
	}
}

void dp_unmute(const struct dp_mute *m, const char *ifname)
{
	for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++)
		if (m->was[i] >= 0)
			dp_mute_write(i, ifname, m->was[i]);
}
