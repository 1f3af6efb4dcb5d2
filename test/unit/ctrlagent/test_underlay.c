// SPDX-License-Identifier: Apache-2.0
// What the data plane is told of the underlay when the kernel's tables change and cannot be read.

#include "underlay/netlink.h"
#include "underlay/underlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>

struct netlink *__wrap_netlink_new(
	struct event_base *base, void (*changed)(void *arg), void *arg, const char **error);
void __wrap_netlink_free(struct netlink *nl);
bool __wrap_netlink_read(struct netlink *nl, struct view *v);
uint32_t __wrap_netlink_path_mtu(struct netlink *nl, const struct weft_ip *ip);
void __wrap_netlink_probe(struct netlink *nl, int link, const struct weft_ip *ip);
struct dpc_listener *__wrap_dpc_listen(
	struct dpc *dpc, weft_tenant_id tenant, const struct dpc_listener_ops *ops, void *arg);
void __wrap_dpc_unlisten(struct dpc_listener *listener);
void __wrap_dpc_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	const void *body, size_t len, dpc_done_fn done, void *arg);

#define LINK 3

static struct {
	void (*changed)(void *arg);
	void *arg;
	uint8_t mac;     // of the VTEP's neighbour, its last byte
	unsigned unread; // so many times more
	unsigned read;
} kernel;

static struct weft_ipc_nexthop told;
static unsigned tellings;

static struct weft_ip ip(const char *text)
{
	return weft_ip_from_v4(inet_addr(text));
}

struct netlink *__wrap_netlink_new(
	struct event_base *base, void (*changed)(void *arg), void *arg, const char **error)
{
	kernel.changed = changed;
	kernel.arg = arg;
	return (struct netlink *)&kernel;
}

void __wrap_netlink_free(struct netlink *nl)
{
}

bool __wrap_netlink_read(struct netlink *nl, struct view *v)
{
	struct view_route route = {.prefix = ip("10.0.0.0"), .prefix_len = 96 + 24, .hop_count = 1};

	if (kernel.unread) {
		kernel.unread--;
		return false;
	}
	kernel.read++;
	route.hops[0].link = LINK;
	vec_add(&v->links,
		(struct view_link){.index = LINK, .name = "up", .mtu = 1500, .up = true});
	vec_add(&v->addresses, (struct view_address){LINK, ip("10.0.0.1")});
	vec_add(&v->routes, route);
	view_add_neighbour(v, &(struct view_neighbour){.link = LINK,
				      .ip = ip("10.0.0.2"),
				      .mac = {{2, 0, 0, 0, 0, kernel.mac}},
				      .usable = true});
	return true;
}

uint32_t __wrap_netlink_path_mtu(struct netlink *nl, const struct weft_ip *vtep)
{
	return 0;
}

void __wrap_netlink_probe(struct netlink *nl, int link, const struct weft_ip *vtep)
{
}

struct dpc_listener *__wrap_dpc_listen(
	struct dpc *dpc, weft_tenant_id tenant, const struct dpc_listener_ops *ops, void *arg)
{
	return NULL;
}

void __wrap_dpc_unlisten(struct dpc_listener *listener)
{
}

void __wrap_dpc_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	const void *body, size_t len, dpc_done_fn done, void *arg)
{
	assert_int_equal(type, WEFT_IPC_NEXTHOP_SET);
	assert_int_equal(len, sizeof(told));
	memcpy(&told, body, sizeof(told));
	tellings++;
	done(arg, WEFT_E_NONE, "");
}

static struct underlay *with_one_vtep(struct event_base *base, struct model *m)
{
	struct model_port up = {.status.port = {.id = 1, .kind = WEFT_PORT_KIND_AF_PACKET}};
	struct model_vtep vtep = {.tenant = 1, .ip = ip("10.0.0.2")};
	const char *error;
	struct underlay *u = underlay_new(base, NULL, &error);

	snprintf(up.status.port.device, sizeof(up.status.port.device), "up");
	m->host.vtep4 = ip("10.0.0.1");
	model_add_port(m, &up);
	model_add_vtep(m, &vtep);
	kernel.mac = 5;
	underlay_set(u, m);
	return u;
}

static void run(struct event_base *base, unsigned ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = 1000 * (ms % 1000)};

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}

static void what_could_not_be_read_is_read_again(void **state)
{
	struct event_base *base = event_base_new();
	struct model m = {0};
	struct underlay *u = with_one_vtep(base, &m);

	assert_int_equal(tellings, 1);
	assert_int_equal(told.dst_mac.b[5], 5);
	kernel.mac = 6;
	kernel.unread = 1;
	kernel.changed(kernel.arg);
	assert_int_equal(tellings, 1);
	run(base, 1500);
	assert_int_equal(tellings, 2);
	assert_int_equal(told.dst_mac.b[5], 6);
	kernel.read = 0;
	run(base, 1500);
	assert_int_equal(kernel.read, 0); // and not without end
	underlay_free(u);
	model_free(&m);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_not_be_read_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
