// SPDX-License-Identifier: Apache-2.0
// A queue of a kernel interface: packet sockets (packet(7)), each hearing one direction alone.
//
// In: a ring that the kernel writes frames into (TPACKET_V2), with a virtio-net header before each,
// so that a frame costs no system call. A big segment finds no room in a slot; PACKET_COPY_THRESH
// makes the kernel queue it besides, whole, and the slot then says to fetch it. Out: a burst by one
// sendmmsg(), with such headers, too; a transmit ring was no faster over a veth pair.
#include "ports/dp_kqueue.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <unistd.h>

#define DP_KPACKET_SLOTS 2048u              // 10 ms of 200,000 frames a second
#define DP_KPACKET_BUFFER (8 * 1024 * 1024) // big segments that wait, each way
#define DP_KPACKET_TAG 4u

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

// ---- in

// What the kernel takes off, and the header's idea of the frame does not know of.
struct dp_kpacket_tag {
	bool is;
	weft_be16 tpid, tci;
};

static struct dp_kpacket_tag dp_kpacket_tag(uint32_t status, uint16_t tci, uint16_t tpid)
{
	return (struct dp_kpacket_tag){
		.is = status & TP_STATUS_VLAN_VALID,
		.tpid = htons(status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q),
		.tci = htons(tci),
	};
}

// The tag stands behind the two addresses again, which move before `frame` for it. Returns where
// the frame begins.
static uint8_t *dp_kpacket_retag(
	uint8_t *frame, const struct dp_kpacket_tag *tag, struct virtio_net_hdr *h)
{
	if (!tag->is)
		return frame;
	frame -= DP_KPACKET_TAG;
	memmove(frame, frame + DP_KPACKET_TAG, 2 * ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &tag->tpid, 2);
	memcpy(frame + 2 * ETH_ALEN + 2, &tag->tci, 2);
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		h->csum_start = (uint16_t)(h->csum_start + DP_KPACKET_TAG);
	return frame;
}

// Fills in what the header asks for. An uplink's datagram that is known to be sound, be it that the
// kernel or the card has looked or that it never left the machine, is left as it is, and its buffer
// says so.
static bool dp_kpacket_csum(
	const struct dp_kqueue *q, struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (q->cut.tunnels && (h->flags & VIRTIO_NET_HDR_F_DATA_VALID ||
				      dp_gso_csum_is_udp(h, frame, m->data_len))) {
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
		return true;
	}
	return dp_gso_csum(h, frame, m->data_len);
}

// A frame that is no segment, from `from`, in a buffer of its own. NULL: it fits none, or its
// header does not fit it.
static struct rte_mbuf *dp_kpacket_whole(struct dp_kqueue *q, struct rte_mbuf *m,
	const uint8_t *from, uint32_t len, const struct dp_kpacket_tag *tag,
	struct virtio_net_hdr *h)
{
	uint32_t ahead = tag->is ? DP_KPACKET_TAG : 0;
	uint8_t *frame = rte_pktmbuf_mtod_offset(m, uint8_t *, ahead);

	if (len + ahead > q->cut.room || len < ETH_HLEN)
		return NULL;
	memcpy(frame, from, len);
	dp_kpacket_retag(frame, tag, h);
	m->data_len = (uint16_t)(len + ahead);
	m->pkt_len = len + ahead;
	return dp_kpacket_csum(q, m, h) ? m : NULL;
}

// What a slot had no room for: from the socket's queue, in which it waits with its own header and
// tag. Returns its length behind cut.big, 0: there is none.
static uint32_t dp_kpacket_fetch(
	struct dp_kqueue *q, struct virtio_net_hdr *h, struct dp_kpacket_tag *tag)
{
	struct iovec iov[2] = {{h, sizeof(*h)},
		{q->cut.big + DP_KPACKET_TAG, q->cut.room + DP_CUT_BIG - DP_KPACKET_TAG}};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct msghdr msg = {.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct tpacket_auxdata aux = {0};
	const struct cmsghdr *c;
	ssize_t n;

	// That the interface went down is told once, before what waits; each slot must take its
	// own, or all later ones would get their predecessor's.
	do
		n = recvmsg(q->fd, &msg, MSG_DONTWAIT);
	while (n < 0 && errno == ENETDOWN);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	*tag = dp_kpacket_tag(aux.tp_status, aux.tp_vlan_tci, aux.tp_vlan_tpid);
	return n > (ssize_t)sizeof(*h) ? (uint32_t)n - (uint32_t)sizeof(*h) : 0;
}

// The segment of `len` bytes that lies DP_KPACKET_TAG into cut.big.
static bool dp_kpacket_segment(struct dp_kqueue *q, uint32_t len, const struct dp_kpacket_tag *tag,
	struct virtio_net_hdr *h)
{
	if (!tag->is)
		return dp_cut_begin(&q->cut, h, DP_KPACKET_TAG, len);
	dp_kpacket_retag(q->cut.big + DP_KPACKET_TAG, tag, h);
	return dp_cut_begin(&q->cut, h, 0, len + DP_KPACKET_TAG);
}

// What is in the slot, or stands for. Returns `m` filled, or NULL: it waits in q->cut, or is lost.
static struct rte_mbuf *dp_kpacket_take(
	struct dp_kqueue *q, const struct tpacket2_hdr *slot, uint32_t status, struct rte_mbuf *m)
{
	const uint8_t *from = (const uint8_t *)slot + slot->tp_mac;
	struct dp_kpacket_tag tag = dp_kpacket_tag(status, slot->tp_vlan_tci, slot->tp_vlan_tpid);
	struct virtio_net_hdr h;
	uint32_t len = slot->tp_snaplen;

	memcpy(&h, from - sizeof(h), sizeof(h));
	if (status & TP_STATUS_COPY) {
		len = dp_kpacket_fetch(q, &h, &tag);
		from = q->cut.big + DP_KPACKET_TAG;
	} else if (len < slot->tp_len) {
		len = 0;
	} else if (dp_gso_is(&h)) {
		memcpy(q->cut.big + DP_KPACKET_TAG, from, len);
	}
	if (len && dp_gso_is(&h) && dp_kpacket_segment(q, len, &tag, &h))
		return NULL;
	if (dp_gso_is(&h) || !dp_kpacket_whole(q, m, from, len, &tag, &h)) {
		dp_count(&q->rx_dropped, 1);
		return NULL;
	}
	return m;
}

// What the host's own kernel sends; a group of sockets may hear it (dp_kpacket_fanout()).
static bool dp_kpacket_is_outgoing(const struct tpacket2_hdr *slot)
{
	const struct sockaddr_ll *from =
		(const void *)((const uint8_t *)slot + TPACKET_ALIGN(sizeof(*slot)));

	return from->sll_pkttype == PACKET_OUTGOING;
}

static bool dp_kpacket_read(void *queue, unsigned room, struct rte_mbuf **out)
{
	struct dp_kqueue *q = queue;
	struct tpacket2_hdr *slot = (void *)(q->ring + (size_t)q->at * q->slot_len);
	uint32_t status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
	struct rte_mbuf *m;

	if (!(status & TP_STATUS_USER))
		return false;
	m = rte_pktmbuf_alloc(q->cut.pool);
	if (!m)
		return false;
	*out = dp_kpacket_take(q, slot, status, m);
	if (dp_kpacket_is_outgoing(slot)) {
		q->cut.busy = false;
		*out = NULL;
	}
	if (!*out)
		rte_pktmbuf_free(m);
	__atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	q->at = q->at + 1 == q->slots ? 0 : q->at + 1;
	return true;
}

static uint16_t dp_kpacket_rx(void *queue, struct rte_mbuf **out, uint16_t n)
{
	return dp_kqueue_rx(queue, out, n, dp_kpacket_read);
}

// ---- out

// Of a full queue or an interface that is down the next frame has no more luck; a frame that is too
// long for the interface must not stand in the way of others.
static int dp_kpacket_write(struct dp_kqueue *q, unsigned first)
{
	unsigned n = q->join.n - first;
	int sent;

	for (unsigned i = 0; i < n; i++) {
		const struct dp_join_msg *msg = &q->join.msg[first + i];

		q->msg[i].msg_hdr = (struct msghdr){.msg_iov = msg->iov, .msg_iovlen = msg->n_iov};
	}
	sent = sendmmsg(q->send_fd, q->msg, n, MSG_DONTWAIT);
	if (sent > 0)
		return sent;
	return errno == EMSGSIZE || errno == EINVAL ? -1 : 0;
}

static uint16_t dp_kpacket_tx(void *queue, struct rte_mbuf **m, uint16_t n)
{
	return dp_kqueue_tx(queue, m, n, dp_kpacket_write);
}

// ---- control thread

static int dp_kpacket_set(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value));
}

static int dp_kpacket_bind(int fd, unsigned ifindex, uint16_t protocol)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)ifindex,
	};

	return bind(fd, (struct sockaddr *)&to, sizeof(to));
}

// A socket for no protocol: it hears nothing, and never will unless bind() says otherwise.
static int dp_kpacket_socket(int buffer)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), bytes = DP_KPACKET_BUFFER;

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, buffer, &bytes, sizeof(bytes));
	return fd;
}

static int dp_kpacket_map(struct dp_kqueue *q, uint32_t slot_len)
{
	uint32_t page = (uint32_t)getpagesize(), block = slot_len < page ? page : slot_len;
	struct tpacket_req req = {
		.tp_block_size = block,
		.tp_block_nr = DP_KPACKET_SLOTS / (block / slot_len),
		.tp_frame_size = slot_len,
		.tp_frame_nr = DP_KPACKET_SLOTS,
	};
	void *map;

	if (setsockopt(q->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -1;
	q->slot_len = slot_len;
	q->slots = DP_KPACKET_SLOTS;
	q->ring_len = (size_t)block * req.tp_block_nr;
	map = mmap(NULL, q->ring_len, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, 0);
	if (map == MAP_FAILED)
		return -1;
	q->ring = map;
	return 0;
}

// The sockets of one interface share what comes in, by flow. The kernel finds the group's number.
// It is not asked to put fragments together (PACKET_FANOUT_FLAG_DEFRAG): a machine's fragments are
// packets like others, and an outer fragment must be seen as one. They keep to one queue all the
// same, for the hash has no ports for them. What a socket said of outgoing frames does not hold for
// its group; older kernels do not know the flag that does.
static int dp_kpacket_fanout(struct dp_kqueue *q, const struct dp_kqueue *first)
{
	unsigned how = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_ROLLOVER;
	unsigned group = 0;
	socklen_t len = sizeof(group);

	if (q == first)
		how |= PACKET_FANOUT_FLAG_UNIQUEID;
	else if (getsockopt(first->fd, SOL_PACKET, PACKET_FANOUT, &group, &len))
		return -1;
	group &= 0xffff;
	if (dp_kpacket_set(q->fd, PACKET_FANOUT,
		    (int)((how | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16 | group)) == 0)
		return 0;
	return dp_kpacket_set(q->fd, PACKET_FANOUT, (int)(how << 16 | group));
}

static int dp_kpacket_promiscuous(int fd, unsigned ifindex)
{
	struct packet_mreq want = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};

	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &want, sizeof(want));
}

// The ring is there before the socket is bound, and the socket hears no other interface before.
static int dp_kpacket_open_in(struct dp_kqueue *q, const struct dp_kqueue *first,
	const struct dp_kdev_conf *conf, unsigned ifindex)
{
	q->fd = dp_kpacket_socket(SO_RCVBUFFORCE);
	if (q->fd < 0 || dp_kpacket_set(q->fd, PACKET_VERSION, TPACKET_V2) ||
		dp_kpacket_set(q->fd, PACKET_VNET_HDR, 1) ||
		dp_kpacket_set(q->fd, PACKET_AUXDATA, 1) ||
		dp_kpacket_set(q->fd, PACKET_COPY_THRESH, 1) ||
		dp_kpacket_set(q->fd, PACKET_IGNORE_OUTGOING, 1) ||
		dp_kpacket_map(q, conf->slot_len) || dp_kpacket_bind(q->fd, ifindex, ETH_P_ALL))
		return -1;
	if (conf->queues > 1 && dp_kpacket_fanout(q, first))
		return -1;
	return conf->promiscuous ? dp_kpacket_promiscuous(q->fd, ifindex) : 0;
}

static int dp_kpacket_open(
	struct dp_kqueue *q, const struct dp_kqueue *first, const struct dp_kdev_conf *conf)
{
	unsigned ifindex = if_nametoindex(conf->ifname);

	if (!ifindex || dp_kpacket_open_in(q, first, conf, ifindex))
		return -1;
	q->send_fd = dp_kpacket_socket(SO_SNDBUFFORCE);
	if (q->send_fd < 0 || dp_kpacket_set(q->send_fd, PACKET_VNET_HDR, 1))
		return -1;
	return dp_kpacket_bind(q->send_fd, ifindex, 0);
}

static void dp_kpacket_close(struct dp_kqueue *q)
{
	if (q->ring)
		munmap(q->ring, q->ring_len);
	if (q->fd >= 0)
		close(q->fd);
	if (q->send_fd >= 0)
		close(q->send_fd);
}

// The kernel counts from the last question on.
static uint64_t dp_kpacket_missed(struct dp_kqueue *q)
{
	struct tpacket_stats s = {0};
	socklen_t len = sizeof(s);

	if (getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
		q->ring_missed += s.tp_drops;
	return q->ring_missed;
}

const struct dp_kops dp_kpacket_ops = {
	.open = dp_kpacket_open,
	.close = dp_kpacket_close,
	.missed = dp_kpacket_missed,
	.rx = dp_kpacket_rx,
	.tx = dp_kpacket_tx,
	.write = dp_kpacket_write,
};
