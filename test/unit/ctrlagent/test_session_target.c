// SPDX-License-Identifier: Apache-2.0
// Targets as operators write them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h needs what is above
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "session/target.h"

static struct session_target t;
static char err[200];

static void expect_ip(const char *text, enum session_transport transport, bool passive,
	const char *ip, unsigned port)
{
	char got[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const void *)&t.addr;
	const struct sockaddr_in6 *v6 = (const void *)&t.addr;

	assert_int_equal(session_target_parse(&t, text, err, sizeof(err)), 0);
	assert_int_equal(t.transport, transport);
	assert_int_equal(t.passive, passive);
	assert_string_equal(t.text, text);
	if (t.addr.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, got, sizeof(got));
		assert_int_equal(ntohs(v4->sin_port), port);
		assert_int_equal(t.addr_len, sizeof(*v4));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, got, sizeof(got));
		assert_int_equal(ntohs(v6->sin6_port), port);
		assert_int_equal(t.addr_len, sizeof(*v6));
	}
	assert_string_equal(got, ip);
}

static void addresses(void **state)
{
	expect_ip("tcp:10.0.0.1", SESSION_TRANSPORT_TCP, false, "10.0.0.1", 6653);
	expect_ip("tcp:10.0.0.1:1", SESSION_TRANSPORT_TCP, false, "10.0.0.1", 1);
	expect_ip("ssl:10.0.0.1:65535", SESSION_TRANSPORT_SSL, false, "10.0.0.1", 65535);
	expect_ip("tcp:[::1]", SESSION_TRANSPORT_TCP, false, "::1", 6653);
	expect_ip("tcp:[fe80::1]:77", SESSION_TRANSPORT_TCP, false, "fe80::1", 77);
	expect_ip("ptcp:", SESSION_TRANSPORT_TCP, true, "0.0.0.0", 6653);
	expect_ip("ptcp:0", SESSION_TRANSPORT_TCP, true, "0.0.0.0", 0);
	expect_ip("ptcp:99", SESSION_TRANSPORT_TCP, true, "0.0.0.0", 99);
	expect_ip("pssl:99:10.0.0.1", SESSION_TRANSPORT_SSL, true, "10.0.0.1", 99);
	expect_ip("ptcp::10.0.0.1", SESSION_TRANSPORT_TCP, true, "10.0.0.1", 6653);
	expect_ip("ptcp:99:[::]", SESSION_TRANSPORT_TCP, true, "::", 99);
	expect_ip("ptcp:99:::1", SESSION_TRANSPORT_TCP, true, "::1", 99);
}

static void paths(void **state)
{
	const struct sockaddr_un *un = (const void *)&t.addr;

	assert_int_equal(session_target_parse(&t, "punix:/run/x", err, sizeof(err)), 0);
	assert_int_equal(un->sun_family, AF_UNIX);
	assert_string_equal(un->sun_path, "/run/x");
	assert_true(t.passive);
	assert_int_equal(session_target_parse(&t, "unix:x", err, sizeof(err)), 0);
	assert_false(t.passive);
}

static void refused(void **state)
{
	static const char *const bad[] = {"", "tcp", "tcp:", "tcp:1",
		"tcp:1.2.3.4:", "tcp:1.2.3.4:0", "tcp:1.2.3.4:65536", "tcp:1.2.3.4:-1",
		"tcp:1.2.3.4:+1", "tcp:1.2.3.4: 1", "tcp:1.2.3.4:1x",
		"tcp:1.2.3.4:99999999999999999999", "tcp:host", "tcp:[::1", "tcp:::1", "tcp:[::1]x",
		"tcp:[]", "ptcp:x", "ptcp:1:", "ptcp:1:host", "ptcp:123456789", "pssl:65536",
		"unix:", "punix:", "udp:1.2.3.4", " tcp:1.2.3.4", "TCP:1.2.3.4"};
	char text[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = 0;
		if (session_target_parse(&t, bad[i], err, sizeof(err)) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(strlen(err) > 10);
	}
	for (size_t n = 100; n < 299; n++) {
		memset(text, 'x', n);
		memcpy(text, "unix:", 5);
		text[n] = 0;
		assert_int_equal(session_target_parse(&t, text, err, sizeof(err)) == 0,
			n - 5 < sizeof(((struct sockaddr_un *)0)->sun_path));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(paths),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
