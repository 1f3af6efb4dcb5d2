// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_mute.h"

#include "dp_log.h"

#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

// ---- the file

static char dp_mute_prefix[128]; // of the files' names; empty: there are none

static bool dp_mute_file(const char *ifname, char path[static 160])
{
	snprintf(path, 160, "%s%s", dp_mute_prefix, ifname);
	return dp_mute_prefix[0];
}

static void dp_mute_remember(const struct dp_mute *m, const char *ifname)
{
	char path[160];
	FILE *f = dp_mute_file(ifname, path) ? fopen(path, "we") : NULL;
	int rc = f ? 0 : -1;

	if (f) {
		fprintf(f, "%u", if_nametoindex(ifname));
		for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++)
			fprintf(f, " %d", m->was[i]);
		rc = fclose(f);
	}
	if (rc)
		DP_LOG(WARNING, "cannot write %s: %s; %s stays muted if this program is killed",
			path, strerror(errno), ifname);
}

static void dp_mute_forget(const char *ifname)
{
	char path[160];

	if (dp_mute_file(ifname, path))
		unlink(path);
}

static bool dp_mute_recall(const char *path, unsigned *ifindex, struct dp_mute *m)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%u", ifindex) == 1;

	for (unsigned i = 0; ok && i < DP_MUTE_SETTINGS; i++)
		ok = fscanf(f, "%d", &m->was[i]) == 1;
	if (f)
		fclose(f);
	return ok;
}

// What has another value by now is somebody else's.
static void dp_mute_restore(const char *path)
{
	const char *ifname = path + strlen(dp_mute_prefix);
	struct dp_mute m;
	unsigned ifindex;

	if (dp_mute_recall(path, &ifindex, &m) && ifindex && if_nametoindex(ifname) == ifindex) {
		for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++)
			if (dp_mute_read(i, ifname) != dp_mute_settings[i].value)
				m.was[i] = -1;
		dp_unmute(&m, ifname);
		DP_LOG(NOTICE, "%s was muted by a data plane that was killed: put back", ifname);
	}
	unlink(path);
}

void dp_mute_start(const char *socket)
{
	char pattern[160];
	glob_t found;

	if (snprintf(dp_mute_prefix, sizeof(dp_mute_prefix), "%s.muted.", socket) >=
		(int)sizeof(dp_mute_prefix)) {
		dp_mute_prefix[0] = 0;
		return;
	}
	snprintf(pattern, sizeof(pattern), "%s*", dp_mute_prefix);
	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		dp_mute_restore(found.gl_pathv[i]);
	globfree(&found);
}

// ---- an interface

void dp_mute(struct dp_mute *m, const char *ifname)
{
	for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++)
		m->was[i] = dp_mute_read(i, ifname);
	dp_mute_remember(m, ifname);
	for (unsigned i = 0; i < DP_MUTE_SETTINGS; i++) {
		int rc;

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
	dp_mute_forget(ifname);
}
