// SPDX-License-Identifier: Apache-2.0
#include "flowtable/egress.h"
#include "flowtable/packet/pause.h"
#include "flowtable/port.h"
#include "flowtable/cache/trace.h"

#include "flowtable/packet/extract.h"

static uint32_t in_port(const struct ft_run *run)
{
	return ntohl(run->pkt->key.in_port);
}

// Actions may set in_port; where the packet came from in fact is in in_phy_port.
static bool from_overlay(const struct ft_run *run)
{
	const weft_be32 overlay = htonl(WEFT_OFPORT_OVERLAY);

	return run->pkt->key.in_port == overlay || run->pkt->key.in_phy_port == overlay;
}

// ---- the output that waits

static bool has_tunnel_dst(const struct weft_flow_key *k)
{
	static const uint8_t none[16];

	return k->tun_dst || memcmp(k->tun_ipv6_dst, none, 16) != 0;
}

// What the FDB knows goes with this copy only: the controller has not set it.
static void send_overlay(struct ft_burst *b, struct ft_run *run, unsigned flags)
{
	struct weft_flow_key *k = &run->pkt->key;

	if (weft_ip_is_none(&run->vtep)) {
		b->sink->output(b->sink, run->pkt, WEFT_OFPORT_OVERLAY, flags);
		return;
	}
	if (weft_ip_is_v4(&run->vtep))
		k->tun_dst = weft_ip_v4(&run->vtep);
	else
		memcpy(k->tun_ipv6_dst, run->vtep.b, 16);
	b->sink->output(b->sink, run->pkt, WEFT_OFPORT_OVERLAY, flags);
	if (!(flags & FT_KEEP))
		return; // not ours any more
	k->tun_dst = 0;
	memset(k->tun_ipv6_dst, 0, 16);
}

static void send_packet_in(struct ft_burst *b, struct ft_run *run, unsigned flags)
{
	b->sink->packet_in(b->sink, run->pkt, &run->in, flags);
	if (b->pause->run == run)
		b->pause->run = NULL;
}

// What the sink does not tell of can't be done again.
static void hand_over(struct ft_burst *b, struct ft_run *run, unsigned flags)
{
	struct ft_trace *t = run->pkt->trace;
	unsigned told = 0;

	if (__builtin_expect(t != NULL, 0)) {
		told = t->told;
		t->keep = flags & FT_KEEP;
	}
	if (run->waiting == FT_WAIT_PORT)
		b->sink->output(b->sink, run->pkt, run->port, flags);
	else if (run->waiting == FT_WAIT_OVERLAY)
		send_overlay(b, run, flags);
	else
		send_packet_in(b, run, flags);
	if (__builtin_expect(t != NULL, 0) && t->told == told)
		t->spoilt = true;
}

// The sink sees the rule that asked for the output, not one matched since.
static void send_waiting(struct ft_burst *b, struct ft_run *run, unsigned flags)
{
	struct ft_packet *pkt = run->pkt;
	const struct ft_rule *rule = pkt->rule;
	uint8_t table = pkt->table;

	if (__builtin_expect(b->egress, 0) && !b->pass && run->waiting != FT_WAIT_CONTROLLER) {
		ft_egress(b, run, flags);
		return;
	}
	pkt->rule = run->rule;
	pkt->table = run->rule_table;
	hand_over(b, run, flags);
	run->waiting = FT_WAIT_NONE;
	if (flags & FT_KEEP) {
		pkt->rule = rule;
		pkt->table = table;
	}
}

void ft_run_flush(struct ft_burst *b, struct ft_run *run)
{
	if (run->waiting != FT_WAIT_NONE)
		send_waiting(b, run, FT_KEEP);
}

void ft_run_end(struct ft_burst *b, struct ft_run *run)
{
	if (run->waiting != FT_WAIT_NONE) {
		send_waiting(b, run, 0);
	} else {
		if (run->pkt->trace)
			ft_trace_drop(run->pkt, run->why);
		b->sink->drop(b->sink, run->pkt, run->why);
	}
	run->pkt = NULL;
}

void ft_run_wait(struct ft_burst *b, struct ft_run *run, enum ft_waiting what)
{
	ft_run_flush(b, run);
	run->waiting = what;
	run->rule = run->pkt->rule;
	run->rule_table = run->pkt->table;
}

// ---- single destinations

bool ft_output_packet_in(struct ft_burst *b, struct ft_run *run, const struct ft_packet_in *in)
{
	const struct ft_port_entry *from = ft_port_find(b->sw, in_port(run));

	if (from && (ft_port_config(from) & WEFT_PORT_NO_PACKET_IN))
		return false;
	ft_trace_spoil(run->pkt);
	ft_run_wait(b, run, FT_WAIT_CONTROLLER);
	run->in = *in;
	run->in.cookie = run->rule ? run->rule->cookie : UINT64_MAX;
	run->in.table = run->rule_table;
	return true;
}

void ft_output_controller(struct ft_burst *b, struct ft_run *run, uint16_t max_len, uint8_t reason)
{
	ft_output_packet_in(b, run, &(struct ft_packet_in){.max_len = max_len, .reason = reason});
}

static bool port_blocked(const struct ft_port_entry *p, uint32_t config)
{
	return ft_port_config(p) & (WEFT_PORT_DOWN | WEFT_PORT_NO_FWD | config);
}

// To a port of this host, the one that the packet came from included.
static void output_port(struct ft_burst *b, struct ft_run *run, uint32_t ofport)
{
	const struct ft_port_entry *p = ft_burst_port(b, 1, ofport);

	if (!p) {
		run->why = WEFT_DROP_NO_PORT;
	} else if (port_blocked(p, 0)) {
		run->why = WEFT_DROP_PORT_DOWN;
	} else {
		ft_run_wait(b, run, FT_WAIT_PORT);
		run->port = ofport;
	}
}

// No frame goes back into the overlay, not even by IN_PORT: the VTEPs reach each other directly,
// and a loop between two hosts would have no TTL.
static void output_overlay(struct ft_burst *b, struct ft_run *run, const struct weft_ip *vtep)
{
	const struct ft_port_entry *p = ft_port_find(b->sw, WEFT_OFPORT_OVERLAY);

	if (!b->overlay) {
		run->why = WEFT_DROP_NO_PORT;
	} else if (p && port_blocked(p, 0)) {
		run->why = WEFT_DROP_PORT_DOWN;
	} else if (from_overlay(run)) {
		run->why = WEFT_DROP_SPLIT_HORIZON;
	} else {
		ft_run_wait(b, run, FT_WAIT_OVERLAY);
		run->vtep = vtep ? *vtep : (struct weft_ip){.q = {0, 0}};
	}
}

static const struct ft_fdb_entry *fdb_find(struct ft_burst *b, struct ft_packet *pkt)
{
	ft_trace_fdb(pkt);
	if (weft_mac_is_multicast(&pkt->key.eth_dst))
		return NULL;
	return ft_fdb_find(b->sw->fdb, &pkt->key.eth_dst, ft_fdb_vlan(&pkt->key));
}

// The controller said overlay, not where: the FDB may know.
static void output_overlay_found(struct ft_burst *b, struct ft_run *run)
{
	const struct ft_fdb_entry *e = NULL;

	if (!has_tunnel_dst(&run->pkt->key))
		e = fdb_find(b, run->pkt);
	output_overlay(b, run, e && e->ofport == WEFT_OFPORT_OVERLAY ? &e->vtep : NULL);
}

// ---- many destinations

// To every port but that it came from; those with a bit of `config` are passed by.
static void output_many(struct ft_burst *b, struct ft_run *run, uint32_t config)
{
	const struct ft_port_list *ports = ft_ports(b->sw);
	const struct ft_port_entry *overlay = NULL;
	uint32_t from = in_port(run);

	if (!ft_budget_steps(run->budget, ports->n)) {
		run->why = WEFT_DROP_RECURSION;
		return;
	}
	for (uint32_t i = 0; i < ports->n; i++) {
		const struct ft_port_entry *p = ports->port[i];

		if (p->ofport == WEFT_OFPORT_OVERLAY)
			overlay = p;
		else if (p->ofport == from)
			continue;
		else if (port_blocked(p, config))
			run->why = WEFT_DROP_PORT_DOWN;
		else
			output_port(b, run, p->ofport);
	}
	if (!from_overlay(run) && b->overlay && !(overlay && port_blocked(overlay, config)))
		output_overlay(b, run, NULL);
}

static void output_listener(struct ft_burst *b, struct ft_run *run, const struct ft_listener *l)
{
	if (l->ofport == in_port(run))
		return; // there it came from, or nothing returns there
	if (l->ofport == WEFT_OFPORT_OVERLAY)
		output_overlay(b, run, &l->vtep);
	else
		output_port(b, run, l->ofport);
}

// Multicast to those who listen, if the sink knows. False: it does not.
static bool output_listeners(struct ft_burst *b, struct ft_run *run)
{
	static const struct weft_mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	const struct weft_mac *dst = &run->pkt->key.eth_dst;
	struct ft_listeners l;

	if (!weft_mac_is_multicast(dst) || weft_mac_equal(dst, &broadcast) || !b->sink->listeners ||
		!b->sink->listeners(b->sink, run->pkt, &l))
		return false;
	run->why = WEFT_DROP_NO_LISTENER;
	if (!ft_budget_steps(run->budget, l.n)) {
		run->why = WEFT_DROP_RECURSION;
		return true;
	}
	for (unsigned i = 0; i < l.n; i++)
		output_listener(b, run, &l.at[i]);
	if (l.overlay && b->overlay && !from_overlay(run))
		output_overlay(b, run, NULL);
	return true;
}

// A learning switch with the overlay as one more port: known addresses to their place, all else
// everywhere.
static void output_normal(struct ft_burst *b, struct ft_run *run)
{
	const struct ft_fdb_entry *e = fdb_find(b, run->pkt);

	if (e && e->ofport == WEFT_OFPORT_OVERLAY)
		output_overlay(b, run, &e->vtep);
	else if (!e || !ft_port_find(b->sw, e->ofport)) {
		if (!output_listeners(b, run))
			output_many(b, run, WEFT_PORT_NO_FLOOD);
	} else if (e->ofport == in_port(run))
		run->why = WEFT_DROP_INPUT_PORT;
	else
		output_port(b, run, e->ofport);
}

static void output_in_port(struct ft_burst *b, struct ft_run *run)
{
	if (in_port(run) == WEFT_OFPORT_OVERLAY)
		run->why = WEFT_DROP_SPLIT_HORIZON;
	else
		output_port(b, run, in_port(run));
}

void ft_output_pass(struct ft_burst *b, struct ft_run *run, const struct weft_egress_pass *pass)
{
	if (pass->port == WEFT_OFPORT_OVERLAY)
		output_overlay(b, run, &pass->vtep);
	else
		output_port(b, run, pass->port);
}

void ft_output(struct ft_burst *b, struct ft_run *run, uint32_t ofport, uint16_t max_len)
{
	if (__builtin_expect(b->pass != NULL, 0) && ft_egress_output(b, run, ofport))
		return;
	switch (ofport) {
	case WEFT_OFPORT_IN_PORT:
		output_in_port(b, run);
		break;
	case WEFT_OFPORT_NORMAL:
		output_normal(b, run);
		break;
	case WEFT_OFPORT_FLOOD:
		output_many(b, run, WEFT_PORT_NO_FLOOD);
		break;
	case WEFT_OFPORT_ALL:
		output_many(b, run, 0);
		break;
	case WEFT_OFPORT_CONTROLLER:
		ft_output_controller(b, run, max_len, run->reason);
		break;
	case WEFT_OFPORT_OVERLAY:
		output_overlay_found(b, run);
		break;
	default:
		if (ofport == in_port(run))
			run->why = WEFT_DROP_INPUT_PORT;
		else
			output_port(b, run, ofport);
	}
}

// ---- learning

static struct weft_ip source_vtep(const struct weft_flow_key *k)
{
	struct weft_ip ip;

	if (k->tun_src)
		return weft_ip_from_v4(k->tun_src);
	memcpy(ip.b, k->tun_ipv6_src, 16);
	return ip;
}

void ft_learn(struct ft_burst *b, struct ft_packet *pkt)
{
	static const struct weft_mac none;
	const struct weft_flow_key *k = &pkt->key;
	uint32_t from = ntohl(k->in_port);
	struct weft_ip vtep = {.q = {0, 0}};
	const struct ft_fdb_entry *e;

	if (weft_mac_is_multicast(&k->eth_src) || weft_mac_equal(&k->eth_src, &none)) {
		ft_trace_fdb(pkt); // another one of its way may be somebody's
		return;
	}
	if (from == WEFT_OFPORT_OVERLAY)
		vtep = source_vtep(k);
	else if (!ft_port_find(b->sw, from))
		return;
	if (from == WEFT_OFPORT_OVERLAY && weft_ip_is_none(&vtep))
		return;
	e = ft_fdb_find(b->sw->fdb, &k->eth_src, ft_fdb_vlan(k));
	if (e && e->ofport == from && weft_ip_equal(&e->vtep, &vtep)) {
		if (pkt->trace)
			ft_trace_source(pkt, e);
		ft_fdb_touch(e, b->worker, b->now_s);
		return;
	}
	ft_trace_spoil(pkt);
	if (e && e->flags & (WEFT_FDB_STATIC | WEFT_FDB_HELD))
		ft_fdb_conflict(b->sw->fdb, b->worker);
	else
		b->sink->learn(b->sink, pkt);
}
