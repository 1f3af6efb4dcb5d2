// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why a packet died, or was consumed. Every packet that a worker receives or copies ends in exactly
// one of: sent, consumed(reason) or drop(reason); each reason is counted per tenant.
//
//   WEFT_DROP(ID, name, text)       a packet that an operator may be looking for
//   WEFT_CONSUMED(ID, name, text)   a packet that reached its end as intended
//
// Names are part of the interface (weft drops, metrics): never rename, append only.

#define WEFT_DROPS(WEFT_DROP)                                                                      \
	/* received from a device */                                                               \
	WEFT_DROP(RX_TRUNCATED, "rx-truncated", "frame shorter than an Ethernet header")           \
	WEFT_DROP(RX_OVERSIZED, "rx-oversized", "frame longer than the switch handles")            \
	WEFT_DROP(RX_PORT_DOWN, "rx-port-down", "port is administratively down or NO_RECV")        \
	/* outer header, on an uplink */                                                           \
	WEFT_DROP(OUTER_BAD_IP, "outer-bad-ip", "outer IP header malformed or wrong checksum")     \
	WEFT_DROP(OUTER_FRAGMENT, "outer-fragment", "outer IP packet is a fragment")               \
	WEFT_DROP(OUTER_BAD_UDP, "outer-bad-udp", "outer UDP length or checksum wrong")            \
	WEFT_DROP(VXLAN_TRUNCATED, "vxlan-truncated", "no room for VXLAN and inner Ethernet header") \
	WEFT_DROP(VXLAN_FLAGS, "vxlan-no-vni", "VXLAN I flag not set (RFC 7348, 5)")               \
	WEFT_DROP(NVGRE_TRUNCATED, "nvgre-truncated", "no room for GRE key and inner Ethernet header") \
	WEFT_DROP(NVGRE_FLAGS, "nvgre-bad-flags", "GRE C or S bit set, K bit clear, or version not 0 (RFC 7637, 3.2)") \
	WEFT_DROP(NVGRE_VSID, "nvgre-reserved-vsid", "reserved VSID (RFC 7637, 3.2)")              \
	WEFT_DROP(UNKNOWN_VNI, "unknown-network", "no tenant here has this VNI or VSID")           \
	WEFT_DROP(UNKNOWN_VTEP, "unknown-vtep", "outer source is not a VTEP of this tenant")       \
	WEFT_DROP(INNER_VLAN, "inner-vlan", "inner frame bears a VLAN tag, tenant does not allow it") \
	/* flow tables */                                                                          \
	WEFT_DROP(TABLE_MISS, "table-miss", "no rule matched, and no table-miss rule")             \
	WEFT_DROP(RULE, "rule", "a rule says drop: no output in its actions")                      \
	WEFT_DROP(ACTION_ERROR, "action-error", "an action did not fit the packet")                \
	WEFT_DROP(TTL, "ttl-exceeded", "decremented TTL was 0 or 1, and nobody asked for it")      \
	WEFT_DROP(METER, "meter", "a meter's drop band")                                           \
	WEFT_DROP(GROUP_NO_BUCKET, "group-no-bucket", "the group has no bucket, or none alive")    \
	WEFT_DROP(GROUP_MISSING, "group-missing", "the group was deleted")                         \
	WEFT_DROP(GROUP_DEPTH, "group-depth", "groups chained too deep")                           \
	WEFT_DROP(RECURSION, "recursion", "resubmitted too often")                                 \
	WEFT_DROP(IP_REASSEMBLY, "ip-fragment", "fragment, and the switch drops fragments (OFPC_FRAG_DROP)") \
	/* output */                                                                               \
	WEFT_DROP(NO_PORT, "no-port", "output to a port that does not exist")                      \
	WEFT_DROP(PORT_DOWN, "port-down", "output to a port that is down or NO_FWD")               \
	WEFT_DROP(INPUT_PORT, "input-port", "output to the port it came from, without IN_PORT")    \
	WEFT_DROP(SPLIT_HORIZON, "split-horizon", "from the overlay, and not for a local port")    \
	WEFT_DROP(NO_VTEP, "no-vtep", "for the overlay, but the tenant has no remote VTEP")        \
	WEFT_DROP(FOREIGN_VTEP, "foreign-vtep", "tunnel destination is not a VTEP of this tenant") \
	WEFT_DROP(NO_ROUTE, "no-route", "no route to the VTEP")                                    \
	WEFT_DROP(NO_NEIGHBOUR, "no-neighbour", "next hop to the VTEP not resolved yet")           \
	WEFT_DROP(ENCAP_VLAN, "encap-vlan", "VLAN tag would enter the overlay, tenant does not allow it") \
	WEFT_DROP(NO_HEADROOM, "no-headroom", "no room before the frame for a header")             \
	WEFT_DROP(TOO_BIG, "too-big", "longer than the outgoing port's MTU")                       \
	WEFT_DROP(TX_FULL, "tx-full", "the device did not take the frame")                         \
	WEFT_DROP(TX_RING_FULL, "tx-ring-full", "the ring to the worker that owns the port is full") \
	WEFT_DROP(NO_BUFFER, "no-buffer", "no packet buffer for a copy")                           \
	WEFT_DROP(PUNT_FULL, "punt-full", "packet-in queue full")                                  \
	WEFT_DROP(PUNT_RATE, "punt-rate", "over the tenant's packet-in rate, or a share of it")        \
	WEFT_DROP(NOT_OURS, "not-ours", "uplink frame for the kernel, but there is no way to it")  \
	WEFT_DROP(TENANT_GONE, "tenant-gone", "its tenant or port was removed meanwhile")          \
	WEFT_DROP(COPIES, "too-many-copies", "more copies of one packet than the switch makes")    \
	WEFT_DROP(STORM_BROADCAST, "storm-broadcast", "over the port's limit of broadcasts")       \
	WEFT_DROP(STORM_MULTICAST, "storm-multicast", "over the port's limit of multicasts")       \
	WEFT_DROP(STORM_UNKNOWN, "storm-unknown", "over the port's limit of unicasts to unknown addresses") \
	WEFT_DROP(ECN, "ecn-congestion", "outer ECN is CE, inner is Not-ECT (RFC 6040, 4.2)")       \
	WEFT_DROP(VTEP_DOWN, "vtep-down", "BFD says that the VTEP is down, or all of them")        \
	WEFT_DROP(OUTER_REASSEMBLY, "outer-reassembly", "outer fragment whose others did not come, or found no room") \
	WEFT_DROP(NO_TUNNEL_DST, "no-tunnel-destination", "for a provider's tunnel, and no rule has set tun_dst") \
	WEFT_DROP(FOREIGN_NETWORK, "foreign-network", "for a provider's tunnel, and tun_id is no network of the provider's") \
	WEFT_DROP(VTEPS_FULL, "vteps-full", "a VTEP is new, and the switch has as many as it may") \
	WEFT_DROP(NO_LISTENER, "no-listener", "multicast, or a report of it, that nobody else is to have")

#define WEFT_CONSUMPTIONS(WEFT_CONSUMED)                                                           \
	WEFT_CONSUMED(PACKET_IN, "packet-in", "handed to the controller")                          \
	WEFT_CONSUMED(KERNEL, "kernel", "not overlay: the host kernel's own copy serves it")       \
	WEFT_CONSUMED(ANSWERED, "answered", "answered by the switch itself")                       \
	WEFT_CONSUMED(BFD, "bfd", "BFD control packet of a VTEP")                                 \
	WEFT_CONSUMED(TOO_BIG_TOLD, "too-big-told", "too big for its way, and its sender was told by ICMP") \
	WEFT_CONSUMED(REASSEMBLED, "reassembled", "outer fragment, put together with the others")

enum weft_drop {
#define WEFT_X(id, name, text) WEFT_DROP_##id,
	WEFT_DROPS(WEFT_X)
#undef WEFT_X
		WEFT_DROP_MAX
};

enum weft_consumed {
#define WEFT_X(id, name, text) WEFT_CONSUMED_##id,
	WEFT_CONSUMPTIONS(WEFT_X)
#undef WEFT_X
		WEFT_CONSUMED_MAX
};
