# SPDX-License-Identifier: Apache-2.0
"""Roles of controllers, and which asynchronous messages each of them gets."""
import struct

from ofclient import Client, header


def role(c, what, generation=0):
    r = c.request(c.parser.OFPRoleRequest(c.dp, what, generation))
    return r.role, r.generation_id


def test_roles(server):
    a, b = Client.connect(server.target), Client.connect(server.target)
    o = a.ofp
    NOCHANGE, EQUAL, MASTER, SLAVE = range(4)
    STALE = (o.OFPET_ROLE_REQUEST_FAILED, o.OFPRRFC_STALE)
    assert role(a, NOCHANGE) == (EQUAL, (1 << 64) - 1)
    assert role(a, MASTER, 5) == (MASTER, 5)
    assert role(b, NOCHANGE) == (EQUAL, 5)
    b.fails(b.parser.OFPRoleRequest(b.dp, MASTER, 4), *STALE)
    b.fails(b.parser.OFPRoleRequest(b.dp, SLAVE, 4), *STALE)
    assert role(b, EQUAL, 4) == (EQUAL, 5)  # not looked at
    assert role(b, MASTER, 5) == (MASTER, 5)
    assert role(a, NOCHANGE) == (SLAVE, 5), 'the old master is demoted'
    b.fails(b.parser.OFPRoleRequest(b.dp, 9, 6), o.OFPET_ROLE_REQUEST_FAILED, o.OFPRRFC_BAD_ROLE)
    # half of the circle ahead is newer, more is stale
    assert role(a, MASTER, 5 + (1 << 63) - 1) == (MASTER, 5 + (1 << 63) - 1)
    b.fails(b.parser.OFPRoleRequest(b.dp, SLAVE, 3 + (1 << 63)), *STALE)
    assert role(b, SLAVE, 5 + (1 << 63)) == (SLAVE, 5 + (1 << 63))
    a.close(), b.close()


def test_generation_ids_wrap(server):
    with Client.connect(server.target) as c:
        top = (1 << 64) - 1
        assert role(c, 2, top) == (2, top)
        assert role(c, 2, 1) == (2, 1)
        c.fails(c.parser.OFPRoleRequest(c.dp, 2, top), c.ofp.OFPET_ROLE_REQUEST_FAILED,
                c.ofp.OFPRRFC_STALE)


def test_a_slave_may_only_read(server):
    with Client.connect(server.target) as c:
        p, o = c.parser, c.ofp
        assert role(c, 3, 1)[0] == 3
        E = (o.OFPET_BAD_REQUEST, o.OFPBRC_IS_SLAVE)
        c.fails(c.flow(), *E)
        c.fails(p.OFPGroupMod(c.dp, 0, 0, 1, []), *E)
        c.fails(p.OFPMeterMod(c.dp, 0, 1, 1, []), *E)
        c.fails(p.OFPPortMod(c.dp, 1, '02:00:00:00:00:01', 0, 0, 0), *E)
        c.fails(p.OFPTableMod(c.dp, 1, 0), *E)
        c.fails(p.OFPPacketOut(c.dp, o.OFP_NO_BUFFER, 1, [], b'\0' * 60), *E)
        c.fails(header(4, 18, 7, struct.pack('!HH4x', 12, 0) +
                       struct.pack('!HB5x32sQQII', 64, 1, b't', 0, 0, 0, 0)), *E)
        c.fails(p.OFPSetConfig(c.dp, o.OFPC_FRAG_DROP, 9), *E)
        assert c.flows() == [] and server('rules') == '0'
        assert len(c.multipart(p.OFPPortDescStatsRequest(c.dp, 0))) == 3
        c.barrier()


def test_async_defaults_by_role(server):
    with Client.connect(server.target) as c:
        p, o = c.parser, c.ofp
        a = c.request(p.OFPGetAsyncRequest(c.dp))
        assert (a.packet_in_mask, a.port_status_mask, a.flow_removed_mask) == \
            ([3, 0], [7, 7], [15, 0])
        role(c, 3, 1)
        server(f'punt 0 64 {0xffff} 1')
        server('port add 5')
        assert c.event(o.OFPT_PORT_STATUS).desc.port_no == 5
        assert c.quiet()
        role(c, 1)
        server(f'punt 0 64 {0xffff} 1')
        c.event(o.OFPT_PACKET_IN)


def test_async_masks(server):
    with Client.connect(server.target) as c, Client.connect(server.target) as other:
        p, o = c.parser, c.ofp
        c.send(p.OFPSetAsync(c.dp, [1 << o.OFPR_ACTION, 1 << o.OFPR_NO_MATCH],
                             [1 << o.OFPPR_DELETE, 0], [1 << o.OFPRR_HARD_TIMEOUT, 0]))
        a = c.request(p.OFPGetAsyncRequest(c.dp))
        assert (a.packet_in_mask, a.port_status_mask, a.flow_removed_mask) == \
            ([2, 1], [2, 0], [2, 0])
        server('punt 0 64 65535 1')
        server('punt 1 64 65535 1')
        server('punt 2 64 65535 1')
        server('port add 6')
        server('port delete 6')
        for reason in (0, 1):
            c.send(c.flow(flags=o.OFPFF_SEND_FLOW_REM))
            c.barrier()
            server(f'expire {reason}')
        assert c.event(o.OFPT_PACKET_IN).reason == o.OFPR_ACTION
        assert c.event(o.OFPT_PORT_STATUS).reason == o.OFPPR_DELETE
        assert c.event(o.OFPT_FLOW_REMOVED).reason == o.OFPRR_HARD_TIMEOUT
        assert c.quiet()
        # The other one has its own masks, and gets all.
        other.barrier()
        assert sorted(e.msg_type for e in other.events) == [10, 10, 11, 11, 12, 12]


def test_invalid_ttl_is_asked_for_while_somebody_wants_it(server):
    with Client.connect(server.target) as c, Client.connect(server.target) as other:
        p, o = c.parser, c.ofp
        assert server.event() == 'connected 1'

        def wants(client, master, slave=0):
            client.send(p.OFPSetAsync(client.dp, [master, slave], [7, 7], [15, 0]))
            client.barrier()

        wants(c, 1 << o.OFPR_INVALID_TTL)
        assert server.event() == 'ttl_packet_in 1'
        wants(other, 7)
        wants(c, 3)
        assert server.events.empty()
        role(other, 3, 1)  # as slave it does not want them
        assert server.event() == 'ttl_packet_in 0'
        wants(other, 0, 1 << o.OFPR_INVALID_TTL)
        assert server.event() == 'ttl_packet_in 1'
        server('punt 2 64 65535 1')
        assert other.event(o.OFPT_PACKET_IN).reason == o.OFPR_INVALID_TTL
        assert c.quiet()
    assert server.event() == 'ttl_packet_in 0'
