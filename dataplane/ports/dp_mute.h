// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the kernel quiet on an interface that is a bond's member.
//
// The kernel has its own copy of each frame that comes in there, and its own ideas: it answers ARP
// for any address of the host on any interface (arp_ignore 0), takes IPv4 packets that came by
// another way than the bond's TAP, and IPv6 packets likewise. A member of the kernel's own bond has
// none of that, for the bond takes its frames away. Here these settings of the interface do it:
// nothing is answered, what does not fit its routes is dropped, IPv6 is off. They are put back as
// they were when the member is released; who gives a member addresses of its own is not helped.
//
// A data plane that is killed releases nothing. So what an interface's settings were is written to
// a file beside the control socket before they are changed, and the next data plane of that socket
// puts them back as it starts: on an interface that is still the same, and only what nobody has
// changed since.

#define DP_MUTE_SETTINGS 3

struct dp_mute {
	int was[DP_MUTE_SETTINGS]; // -1: could not be read, and is left alone
};

// Control thread, in its network namespace.
// Before anything is muted: where the files are, and what was left by one that was killed.
void dp_mute_start(const char *socket);
void dp_mute(struct dp_mute *m, const char *ifname);
void dp_unmute(const struct dp_mute *m, const char *ifname);
