// SPDX-License-Identifier: Apache-2.0
#pragma once
// Interfaces of the kernel, a TAP of our own or one that exists, with the offloads that DPDK's
// drivers do not ask the kernel for.
//
// net_tap and net_af_packet pass one frame of at most the MTU at a time: a machine behind them
// sends bulk TCP at a wake-up and a way through its kernel for every 1,400 bytes, and what its
// kernel leaves to the "hardware" (a segment of 64 KiB over a veth pair, a checksum, a tag) is cut
// off, unfinished, or half forgotten. The kernel would give up to 64 KiB at once, say what is to be
// done with it, and take as much, to who asks for it by virtio-net headers (IFF_VNET_HDR,
// PACKET_VNET_HDR). DPDK 22.11 has no driver for that without vhost-net, and Debian does not
// package what a driver of one's own needs (ethdev_driver.h). So these are no devices of DPDK's,
// take no place in its tables, and there may be many more of them than those hold: a port sends and
// receives by its dp_kdev_io(), which is what DPDK has for each of its own devices in
// rte_eth_fp_ops[].
//
// A bond's member is the exception, for net_bond wants devices of DPDK's. It is a net_null device,
// whose entry in rte_eth_fp_ops[] is replaced after its start by ours. Stopping the device puts
// DPDK's own back.
//
// In: a big segment is cut into frames (dp_cut.h), checksums are filled in. Out: frames of a burst
// that follow each other are joined (dp_join.h). Between, all is ordinary frames. A datagram that
// an uplink's kernel had joined, or that never was on a wire, has a checksum that was not
// calculated, and is marked RTE_MBUF_F_RX_L4_CKSUM_NONE.
//
// A queue (dp_kqueue.h) is a descriptor of the multi-queue TAP, or two sockets of an interface, and
// belongs to one worker each way.

#include <weft/flow.h>

#include <stdbool.h>
#include <stdint.h>

struct dp_join;
struct dp_kdev;
struct dp_kops;
struct rte_eth_fp_ops;
struct rte_mempool;

enum dp_kdev_kind {
	DP_KDEV_TAP,    // made by us, and gone with us
	DP_KDEV_PACKET, // an interface of the kernel's; what it sends itself is not heard
};

struct dp_kdev_conf {
	enum dp_kdev_kind kind;
	const char *ifname;
	unsigned queues;
	struct rte_mempool *pool;
	uint32_t max_frame;   // that a buffer of the pool holds
	bool tunnels;         // an uplink's: frames are joined as tunnel packets, not as TCP's
	const bool *keep_big; // of struct dp_cut
	// DP_KDEV_PACKET
	uint32_t slot_len; // of the receive ring, a power of two; a longer frame costs a system
			   // call
	bool promiscuous;
	const struct dp_kops *ops; // of a test; the interface is not looked at then
};

// What a slot of the ring keeps for itself: the kernel's header, an address, alignment, the
// virtio-net header.
#define DP_KDEV_SLOT_HEAD 96u

// ---- workers, of the queue that is theirs

// Whether datagrams of one flow may be given to it as one (dp_train.h).
bool dp_kdev_takes_trains(const struct dp_kdev *k, unsigned queue);
// Where the next message is to be made (dp_join_begin()); good until then.
struct dp_join *dp_kdev_join(struct dp_kdev *k, unsigned queue);
// Sends it, whose frames have `bytes`. Returns how many of them went: all, or 0, for which there is
// no room; or -1: the kernel does not take such, and trains are not made any more.
int dp_kdev_put(struct dp_kdev *k, unsigned queue, uint64_t bytes);

// ---- control thread

// Up, if it is ours. NULL: errno says why.
struct dp_kdev *dp_kdev_open(const struct dp_kdev_conf *conf);
// Good until it is closed.
const struct rte_eth_fp_ops *dp_kdev_io(const struct dp_kdev *k);
// Lets DPDK's device `dev`, which is started, receive and send by it.
void dp_kdev_attach(struct dp_kdev *k, uint16_t dev);
// No worker polls it any more. A TAP goes with it.
void dp_kdev_close(struct dp_kdev *k);
// The interface is gone for good: another one has its name by now, or, of a TAP, it was deleted
// (with the network namespace that it was moved into, say). Nothing comes or goes by it any more,
// and no error says so.
bool dp_kdev_is_lost(const struct dp_kdev *k);
// Another one in its place, which goes on counting where it is. As dp_kdev_open(); the names that
// it was given then must still be there.
struct dp_kdev *dp_kdev_again(struct dp_kdev *k);
void dp_kdev_stats(struct dp_kdev *k, struct weft_port_stats *s);
// Of an interface in the calling thread's network namespace; 0 or -errno.
int dp_kdev_set_mtu(const char *ifname, unsigned mtu);
// The same of a TAP of ours, whose kernel is also told how much it may give us as one: a kernel
// that does not let itself be told (before Linux 4.16) gives more.
int dp_kdev_tap_mtu(const char *ifname, unsigned mtu);
int dp_kdev_mac(const char *ifname, struct weft_mac *mac);
