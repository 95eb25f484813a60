// SPDX-License-Identifier: BSD-3-Clause
/* test_listen.c - adding and removing rules, and why that may fail */

#include "listen_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "fd_count.h"
#include "listen_tab.h"
#include "text_addr.h"


static void adding_is_all_or_nothing(void **state)
{
	struct fwd_rule r = rule(5000, 5003, 0);
	unsigned fds;
	int v4 = occupy("127.0.0.1", 5002, SOCK_STREAM);
	int v6 = occupy("::1", 5002, SOCK_STREAM);

	(void)state;
	fds = fd_count();
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EADDRINUSE);
	assert_string_equal(why, "Failed to bind port 5002 (Address already in "
				 "use) for option '-t 5000-5003'");
	assert_int_equal(fd_count(), fds);
	assert_int_equal(fwd_table_find(&c.listen->table, &r), -ENOENT);
	assert_false(is_open("127.0.0.1", 5000));

	close(v4);
	close(v6);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_int_equal(fd_count(), fds - 2 + 4);
	assert_true(is_open("127.0.0.1", 5003));
}

static void adding_twice_is_adding_once(void **state)
{
	struct fwd_rule r = rule(5000, 5003, 0);
	unsigned fds;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	fds = fd_count();
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_int_equal(fd_count(), fds);

	assert_int_equal(listen_remove(&c, &r), 0);
	assert_int_equal(listen_remove(&c, &r), -ENOENT);
	assert_int_equal(fd_count(), fds - 4);
}

static void covered_is_there_already(void **state)
{
	struct fwd_rule r = rule(5000, 5003, 0), narrow;
	unsigned fds;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	fds = fd_count();
	narrow = rule(5001, 5002, 0);
	assert_int_equal(listen_add(&c, &narrow, why, sizeof(why)), 0);
	narrow.listen = text_addr("127.0.0.1");
	assert_int_equal(listen_add(&c, &narrow, why, sizeof(why)), 0);
	narrow.listen = r.listen;
	narrow.flags = FWD_V6ONLY;
	assert_int_equal(listen_add(&c, &narrow, why, sizeof(why)), 0);
	assert_int_equal(fd_count(), fds);

	/* Not all of these ports, or not the same target */
	narrow.last = 5004;
	assert_int_equal(listen_add(&c, &narrow, why, sizeof(why)),
			 -EADDRINUSE);
	assert_non_null(strstr(why, "Already forwarded: "
			       "'TCP [*]:5000-5003  =>  5000-5003'"));
	narrow.last = 5002;
	narrow.to_first++;
	assert_int_equal(listen_add(&c, &narrow, why, sizeof(why)),
			 -EADDRINUSE);
	assert_int_equal(fd_count(), fds);
}

static void removing_leaves_connections(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	char byte = 'x';
	int fd;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	fd = try_connect("127.0.0.1", 5000);
	assert_int_equal(turn(WAIT_MS), 1);

	assert_int_equal(listen_remove(&c, &r), 0);
	assert_false(is_open("127.0.0.1", 5000));
	assert_false(is_open("::1", 5000));
	assert_int_equal(send(last.fd, &byte, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	close(fd);

	/* Events that were under way */
	assert_null(listen_get(&c, 0));
	listen_event(&c, 0, EPOLLIN);
	listen_event(&c, 4711, EPOLLIN);
	listen_event(&c, UINT32_MAX, EPOLLIN);
}

static void entries_are_used_again(void **state)
{
	struct fwd_rule a = rule(5000, 5009, 0), b = rule(6000, 6009, 0);
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		assert_int_equal(listen_add(&c, &a, why, sizeof(why)), 0);
		assert_int_equal(listen_add(&c, &b, why, sizeof(why)), 0);
		assert_int_equal(listen_remove(&c, &a), 0);
		assert_true(is_open("127.0.0.1", 6009));
		assert_int_equal(listen_remove(&c, &b), 0);
	}
	assert_int_equal(c.listen->fresh, 20);
}

/* Scenario 70 */
static void one_version_in_use_is_success(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	int v4 = occupy("0.0.0.0", 5000, SOCK_STREAM);
	unsigned fds = fd_count();

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_int_equal(fd_count(), fds + 1);
	close(try_connect("::1", 5000));
	assert_int_equal(turn(WAIT_MS), 1);
	close(v4);
}

static void any_of_each_version_side_by_side(void **state)
{
	struct fwd_rule v6 = rule(5000, 5000, FWD_V6ONLY);
	struct fwd_rule v4 = rule(5000, 5000, 0);

	(void)state;
	v4.listen = addr_any[V4];
	assert_int_equal(listen_add(&c, &v6, why, sizeof(why)), 0);
	assert_false(is_open("127.0.0.1", 5000));
	assert_int_equal(listen_add(&c, &v4, why, sizeof(why)), 0);
	assert_true(is_open("127.0.0.1", 5000));
	assert_int_equal(listen_remove(&c, &v6), 0);
	assert_false(is_open("::1", 5000));
	assert_true(is_open("127.0.0.1", 5000));
}

/* Scenario 74: one version by itself, and one that isn't wanted */
static void version_that_is_disabled(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0), r6 = r;

	(void)state;
	c.conf.ip[V6].enabled = false;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_true(is_open("127.0.0.1", 5000));
	assert_false(is_open("::1", 5000));

	r6.listen = text_addr("::1");
	assert_int_equal(listen_add(&c, &r6, why, sizeof(why)), -EAFNOSUPPORT);
	assert_int_equal(listen_remove(&c, &r), 0);

	c.conf.ip[V6].enabled = true;
	c.conf.ip[V4].enabled = false;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_false(is_open("127.0.0.1", 5000));
	assert_true(is_open("::1", 5000));
}

static void weak_rules_skip_what_is_in_use(void **state)
{
	struct fwd_rule r = rule(5000, 5003, FWD_WEAK);
	int fd[2];

	(void)state;
	fd[0] = occupy("0.0.0.0", 5002, SOCK_STREAM);
	fd[1] = occupy("::", 5002, SOCK_STREAM);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_true(is_open("127.0.0.1", 5001));
	assert_true(is_open("127.0.0.1", 5003));
	assert_int_equal(listen_remove(&c, &r), 0);

	r.first = r.last = r.to_first = 5002;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EADDRINUSE);
	close(fd[0]);
	close(fd[1]);
}

/**
 * bind_cap() - Give up, or take again, what allows us to bind low ports
 * @on:		Take it again
 */
static void bind_cap(bool on)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1U << CAP_NET_BIND_SERVICE);
	if (on)
		data[0].effective |= 1U << CAP_NET_BIND_SERVICE;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void low_port_without_privileges(void **state)
{
	struct fwd_rule r = rule(80, 80, 0), all = rule(600, 700, FWD_WEAK);
	int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
		      O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, "666", 3), 3);
	close(fd);

	bind_cap(false);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EACCES);
	assert_string_equal(why, "Failed to bind port 80 (Permission denied) "
			    "for option '-t 80', "
			    "net.ipv4.ip_unprivileged_port_start is 666");
	assert_int_equal(listen_add(&c, &all, why, sizeof(why)), 0);
	assert_false(is_open("127.0.0.1", 665));
	assert_true(is_open("127.0.0.1", 666));

	r.from = PLACE_NS;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EACCES);
	assert_non_null(strstr(why, "'-T 80'"));
	assert_non_null(strstr(why, "of the namespace"));

	bind_cap(true);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
}

static void interface_and_address(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);

	(void)state;
	/* Scenario 68 */
	snprintf(r.ifname, sizeof(r.ifname), "fifteen-letters");
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -ENODEV);
	assert_non_null(strstr(why, "'-t %fifteen-letters/5000'"));
	snprintf(r.ifname, sizeof(r.ifname), "lo");
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_true(is_open("127.0.0.1", 5000));
	assert_int_equal(listen_remove(&c, &r), 0);

	r.listen = text_addr("127.0.0.5");
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_true(is_open("127.0.0.5", 5000));
	assert_false(is_open("127.0.0.1", 5000));
}

/* Scenario 41 */
static void address_that_comes_later(void **state)
{
	static const char *const text[] = { "192.0.2.77", "2001:db8::77" };
	struct fwd_rule r = rule(5000, 5000, 0);
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		r.listen = text_addr(text[i % 2]);
		r.proto = i / 2 ? IPPROTO_UDP : IPPROTO_TCP;
		r.flags = 0;
		assert_int_equal(listen_add(&c, &r, why, sizeof(why)),
				 -EADDRNOTAVAIL);
		assert_non_null(strstr(why, text[i % 2]));
		assert_non_null(strstr(why, "--freebind"));
		r.flags = FWD_FREEBIND;
		assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	}
}

static void text_of_the_option(void **state)
{
	struct fwd_rule r = rule(5000, 5002, 0);

	(void)state;
	r.proto = IPPROTO_UDP;
	r.from = PLACE_NS;
	r.listen = text_addr("2001:db8::5");
	snprintf(r.ifname, sizeof(r.ifname), "lo");
	r.to_first = 6000;
	r.target = text_addr("192.0.2.9");
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EADDRNOTAVAIL);
	/* --freebind is for -t and -u */
	assert_null(strstr(why, "--freebind"));
	assert_non_null(strstr(why, "the namespace doesn't have it"));
	assert_non_null(strstr(why, "'-U [2001:db8::5]%lo/5000-5002:"
				    "192.0.2.9/6000-6002'"));
}

static void out_of_descriptors_when_adding(void **state)
{
	struct fwd_rule r = rule(5000, 5009, FWD_WEAK);
	struct rlimit lim;
	unsigned fds;

	(void)state;
	fds = fd_count();
	limit_fds(true);
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur += 5;
	setrlimit(RLIMIT_NOFILE, &lim);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -EMFILE);
	limit_fds(false);
	assert_non_null(strstr(why, "Too many open files"));
	assert_non_null(strstr(why, ", 10 are needed for ports, and the limit "
				    "(ulimit -Hn) is "));
	assert_int_equal(fd_count(), fds);
	assert_false(is_open("127.0.0.1", 5000));
}

static void too_many_rules(void **state)
{
	struct fwd_rule r;
	unsigned i;

	(void)state;
	for (i = 0; i < FWD_RULES_MAX; i++) {
		r = rule((uint16_t)(5000 + i), (uint16_t)(5000 + i), 0);
		assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	}
	r = rule(4000, 4000, 0);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), -ENOSPC);
	assert_non_null(strstr(why, "512"));
	r = rule(5000, 5000, 0);
	assert_int_equal(listen_remove(&c, &r), 0);
	r = rule(4000, 4000, 0);
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adding_is_all_or_nothing),
		TEST(adding_twice_is_adding_once),
		TEST(covered_is_there_already),
		TEST(removing_leaves_connections),
		TEST(entries_are_used_again),
		TEST(one_version_in_use_is_success),
		TEST(any_of_each_version_side_by_side),
		TEST(version_that_is_disabled),
		TEST(weak_rules_skip_what_is_in_use),
		TEST(low_port_without_privileges),
		TEST(interface_and_address),
		TEST(address_that_comes_later),
		TEST(text_of_the_option),
		TEST(out_of_descriptors_when_adding),
		TEST(too_many_rules),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, listen_group_setup, NULL);
}
