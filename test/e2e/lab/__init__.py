# SPDX-License-Identifier: Apache-2.0
"""A laboratory of network namespaces, in which the end-to-end tests and the demo run.

    netns      namespaces, veth pairs, packet sockets inside them
    process    programs that are started, waited for and ended
    fabric     the underlay between hosts, and what is captured on it
    middlebox  a router of the underlay that changes what passes
    weft       a host that runs weft-dataplane and weft-agent
    frr        FRR's bfdd: a peer
    ovs        an Open vSwitch of its own, userspace data path: a peer
    linuxvx    Linux's VXLAN device: a peer
    controller os-ken applications
    traffic    ping, iperf3, streams of numbered probes
    tshark     captures read back, and checked for anything malformed

One Lab owns all that it made and undoes it in close(): namespaces bear the process' number in their
names, programs die with the process that started them.
"""
from .core import Lab
from .wait import wait_until

__all__ = ['Lab', 'wait_until']
