// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finishes checksums that a local sender left to the hardware.
//
// A virtual machine's or namespace's kernel hands frames over a veth pair with checksum "partial":
// the field of TCP or UDP holds only the pseudo header's sum, for a NIC to complete; SCTP's is
// zero. On the way through an AF_PACKET socket that is only told in the ring's status word
// (TP_STATUS_CSUMNOTREADY), which DPDK's PMD does not pass on. Sent on like that, the packet would
// be dropped by its receiver.
//
// The field itself tells: the probability that a finished checksum equals its own pseudo header's
// sum is 1 in 65536, and then finishing it again gives the same value. So the test is exact for
// good packets; a packet that was damaged before has that chance to be made to look right.

#include <stdbool.h>
#include <stdint.h>

// `frame`: `len` bytes in one piece, from the Ethernet header. Looks under up to two VLAN tags at
// TCP, UDP and SCTP directly over IPv4 (no fragment) or IPv6; all else is left alone. True:
// something was filled in.
bool dp_rawcsum_fix(uint8_t *frame, uint32_t len);
