// SPDX-License-Identifier: Apache-2.0
#include "overlay/bfd.h"

#include "overlay/wire.h"

#define VERSION 1u
#define FLAG_POLL 0x20u
#define FLAG_FINAL 0x10u
#define FLAG_CPI 0x08u // control plane independent: our data plane lives without the agent
#define FLAG_AUTH 0x04u
#define FLAG_DEMAND 0x02u
#define FLAG_MULTIPOINT 0x01u
#define US 1000u // nanoseconds

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

// ---- intervals

static bool is_up(const struct overlay_bfd *s)
{
	return s->state == OVERLAY_BFD_UP;
}

uint32_t overlay_bfd_tx_us(const struct overlay_bfd *s)
{
	if (s->remote_discr && !s->remote_rx_us)
		return 0;
	if (s->remote_demand && is_up(s) && s->remote_state == OVERLAY_BFD_UP && !s->polling)
		return 0;
	return max32(s->use_tx_us, s->remote_rx_us);
}

uint64_t overlay_bfd_detection_us(const struct overlay_bfd *s)
{
	return (uint64_t)s->remote_mult * max32(s->use_rx_us, s->remote_tx_us);
}

// Three quarters of the interval to all of it, or to nine tenths if one lost packet is an alarm
// (6.8.7).
static uint64_t jittered(struct overlay_bfd *s, uint32_t interval_us)
{
	uint32_t percent;

	s->random ^= s->random << 13;
	s->random ^= s->random >> 17;
	s->random ^= s->random << 5;
	percent = 75 + s->random % (s->want.mult == 1 ? 16 : 26);
	return (uint64_t)interval_us * percent * (US / 100);
}

// From the latest packet on. Called when anything that the interval depends on changes.
static void schedule(struct overlay_bfd *s)
{
	uint32_t interval = overlay_bfd_tx_us(s);

	s->next_tx_ns = interval ? s->last_tx_ns + jittered(s, interval) : UINT64_MAX;
}

static void send_soon(struct overlay_bfd *s, uint64_t now_ns)
{
	if (overlay_bfd_tx_us(s))
		s->next_tx_ns = now_ns;
}

// What we want depends on the state; what of that holds at once, and what after the peer has
// agreed, is told by 6.8.3.
static void want(struct overlay_bfd *s, uint64_t now_ns)
{
	struct overlay_bfd_settings w = s->set;

	if (!is_up(s))
		w.tx_us = max32(w.tx_us, OVERLAY_BFD_SLOW_US);
	if (w.tx_us != s->want.tx_us || w.rx_us != s->want.rx_us || w.mult != s->want.mult) {
		s->polling = is_up(s);
		send_soon(s, now_ns);
	}
	s->want = w;
	if (!is_up(s) || w.tx_us < s->use_tx_us)
		s->use_tx_us = w.tx_us;
	if (!is_up(s) || w.rx_us > s->use_rx_us)
		s->use_rx_us = w.rx_us;
}

static void poll_ends(struct overlay_bfd *s)
{
	s->polling = false;
	s->use_tx_us = s->want.tx_us;
	s->use_rx_us = s->want.rx_us;
	schedule(s);
}

// ---- states

static void enter(struct overlay_bfd *s, uint8_t state, uint8_t diag, uint64_t now_ns)
{
	if (s->state == state)
		return;
	if (is_up(s))
		s->downs++;
	s->state = state;
	s->diag = diag;
	s->since_ns = now_ns;
	if (!is_up(s))
		s->polling = false;
	want(s, now_ns);
	send_soon(s, now_ns);
}

void overlay_bfd_init(struct overlay_bfd *s, const struct overlay_bfd_settings *set, uint32_t discr,
	uint64_t now_ns)
{
	*s = (struct overlay_bfd){
		.state = OVERLAY_BFD_DOWN,
		.discr = discr,
		.set = *set,
		.random = discr * 2654435761u | 1,
		.since_ns = now_ns,
		.remote_rx_us = 1, // 6.8.1
		.last_tx_ns = now_ns,
		.next_tx_ns = now_ns,
	};
	want(s, now_ns);
	schedule(s);
}

void overlay_bfd_set(struct overlay_bfd *s, const struct overlay_bfd_settings *set, uint64_t now_ns)
{
	s->set = *set;
	want(s, now_ns);
}

void overlay_bfd_admin(struct overlay_bfd *s, bool down, uint64_t now_ns)
{
	if (down)
		enter(s, OVERLAY_BFD_ADMIN_DOWN, OVERLAY_BFD_DIAG_ADMIN_DOWN, now_ns);
	else if (s->state == OVERLAY_BFD_ADMIN_DOWN)
		enter(s, OVERLAY_BFD_DOWN, OVERLAY_BFD_DIAG_NONE, now_ns);
}

// ---- receiving

bool overlay_bfd_parse(const uint8_t *p, uint32_t len, struct overlay_bfd_packet *out)
{
	uint8_t flags;

	if (len < OVERLAY_BFD_LEN || p[0] >> 5 != VERSION || p[3] < OVERLAY_BFD_LEN || p[3] > len)
		return false;
	flags = p[1] & 0x3f;
	if (flags & (FLAG_AUTH | FLAG_MULTIPOINT) || !p[2])
		return false;
	*out = (struct overlay_bfd_packet){
		.diag = p[0] & 0x1f,
		.state = p[1] >> 6,
		.poll = flags & FLAG_POLL,
		.final = flags & FLAG_FINAL,
		.demand = flags & FLAG_DEMAND,
		.mult = p[2],
		.my_discr = overlay_get32(p + 4),
		.your_discr = overlay_get32(p + 8),
		.tx_us = overlay_get32(p + 12),
		.rx_us = overlay_get32(p + 16),
	};
	return out->my_discr && (out->your_discr || out->state <= OVERLAY_BFD_DOWN);
}

static void follow(struct overlay_bfd *s, uint8_t remote, uint64_t now_ns)
{
	if (remote == OVERLAY_BFD_ADMIN_DOWN) {
		if (s->state != OVERLAY_BFD_DOWN)
			enter(s, OVERLAY_BFD_DOWN, OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN, now_ns);
	} else if (s->state == OVERLAY_BFD_DOWN) {
		if (remote == OVERLAY_BFD_DOWN)
			enter(s, OVERLAY_BFD_INIT, OVERLAY_BFD_DIAG_NONE, now_ns);
		else if (remote == OVERLAY_BFD_INIT)
			enter(s, OVERLAY_BFD_UP, OVERLAY_BFD_DIAG_NONE, now_ns);
	} else if (s->state == OVERLAY_BFD_INIT) {
		if (remote >= OVERLAY_BFD_INIT)
			enter(s, OVERLAY_BFD_UP, OVERLAY_BFD_DIAG_NONE, now_ns);
	} else if (remote == OVERLAY_BFD_DOWN) {
		enter(s, OVERLAY_BFD_DOWN, OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN, now_ns);
	}
}

bool overlay_bfd_receive(struct overlay_bfd *s, const struct overlay_bfd_packet *p, uint64_t now_ns)
{
	uint32_t interval = overlay_bfd_tx_us(s);

	if (p->your_discr && p->your_discr != s->discr) {
		s->discarded++;
		return false;
	}
	s->received++;
	s->remote_discr = p->my_discr;
	s->remote_state = p->state;
	s->remote_diag = p->diag;
	s->remote_demand = p->demand;
	s->remote_rx_us = p->rx_us;
	s->remote_tx_us = p->tx_us;
	s->remote_mult = p->mult;
	if (p->final && s->polling)
		poll_ends(s);
	s->detect_ns = now_ns + overlay_bfd_detection_us(s) * US;
	if (s->state != OVERLAY_BFD_ADMIN_DOWN)
		follow(s, p->state, now_ns);
	if (p->poll)
		s->final_due = true;
	if (overlay_bfd_tx_us(s) != interval && s->next_tx_ns > now_ns)
		schedule(s);
	return true;
}

// ---- what time brings

uint64_t overlay_bfd_next(const struct overlay_bfd *s)
{
	uint64_t next = s->final_due ? 0 : s->next_tx_ns;

	return s->detect_ns && s->detect_ns < next ? s->detect_ns : next;
}

// The peer is forgotten: its discriminator (6.8.1), and how often it wanted to hear of us.
static void expire(struct overlay_bfd *s, uint64_t now_ns)
{
	s->detect_ns = 0;
	s->remote_discr = 0;
	s->remote_state = OVERLAY_BFD_DOWN;
	s->remote_demand = false;
	s->remote_rx_us = 1;
	if (s->state == OVERLAY_BFD_INIT || s->state == OVERLAY_BFD_UP)
		enter(s, OVERLAY_BFD_DOWN, OVERLAY_BFD_DIAG_EXPIRED, now_ns);
	else if (s->next_tx_ns == UINT64_MAX)
		schedule(s);
}

static void put(struct overlay_bfd *s, bool final, uint8_t *p)
{
	uint8_t flags = FLAG_CPI;

	if (final)
		flags |= FLAG_FINAL;
	else if (s->polling)
		flags |= FLAG_POLL;
	p[0] = (uint8_t)(VERSION << 5 | s->diag);
	p[1] = (uint8_t)(s->state << 6 | flags);
	p[2] = s->want.mult;
	p[3] = OVERLAY_BFD_LEN;
	overlay_put32(p + 4, s->discr);
	overlay_put32(p + 8, s->remote_discr);
	overlay_put32(p + 12, s->want.tx_us);
	overlay_put32(p + 16, s->want.rx_us);
	overlay_put32(p + 20, 0);
	s->sent++;
}

bool overlay_bfd_run(struct overlay_bfd *s, uint64_t now_ns, uint8_t out[static OVERLAY_BFD_LEN])
{
	if (s->detect_ns && now_ns >= s->detect_ns)
		expire(s, now_ns);
	if (s->final_due) {
		s->final_due = false;
		put(s, true, out);
		return true;
	}
	if (now_ns < s->next_tx_ns)
		return false;
	overlay_bfd_say(s, now_ns, out);
	return true;
}

void overlay_bfd_say(struct overlay_bfd *s, uint64_t now_ns, uint8_t out[static OVERLAY_BFD_LEN])
{
	put(s, false, out);
	s->last_tx_ns = now_ns;
	schedule(s);
}

void overlay_bfd_excuse(struct overlay_bfd *s, uint64_t gap_ns)
{
	if (s->detect_ns)
		s->detect_ns += gap_ns;
}
