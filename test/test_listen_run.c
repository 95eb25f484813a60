// SPDX-License-Identifier: BSD-3-Clause
/* test_listen_run.c - start, what comes in, and ports that come and go */

#include "listen_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd_count.h"
#include "listen_tab.h"
#include "text_addr.h"

#define TWIN_MS		300


static void port_takes_both_versions(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	unsigned fds = fd_count();
	int fd;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	assert_int_equal(fd_count(), fds + 1);

	fd = try_connect("127.0.0.1", 5000);
	assert_true(fd >= 0);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_true(last.fd >= 0);
	assert_false(last.spliced);
	assert_int_equal(last.ini.place, PLACE_HOST);
	assert_int_equal(last.ini.near_port, 5000);
	assert_true(addr_is_equal(&last.ini.near, &addr_loopback[V4]));
	assert_true(addr_is_equal(&last.ini.far, &addr_loopback[V4]));
	assert_true(fcntl(last.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(last.fd, F_GETFD) & FD_CLOEXEC);
	close(last.fd);
	close(fd);

	target_place = PLACE_NS;
	fd = try_connect("::1", 5000);
	assert_true(fd >= 0);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_true(last.spliced);
	assert_true(addr_is_equal(&last.ini.near, &addr_loopback[V6]));
	close(fd);
}

static void datagrams(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	struct addr to = text_addr("127.0.0.5");
	const struct listener *l;
	union sockaddr_any sa;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	r.proto = IPPROTO_UDP;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	l = listen_get(&c, 0);
	assert_non_null(l);
	assert_int_equal(listen_rule(&c, l)->first, 5000);
	assert_int_equal(udp_opened, l->fd);
	assert_int_equal(udp_opened_count, 1);
	assert_int_equal(udp_closed, -1);

	sendto(fd, "x", 1, 0, &sa.sa, addr_to_sockaddr(&sa, &to, 5000, 0));
	assert_int_equal(turn(WAIT_MS), 1);
	assert_int_equal(udp_received, 1);
	close(fd);

	assert_int_equal(listen_remove(&c, &r), 0);
	assert_int_equal(udp_closed, udp_opened);
	assert_int_equal(udp_closed_count, 1);
}

static void connection_with_nowhere_to_go_is_reset(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	struct pollfd p = { .events = POLLIN };
	unsigned fds;
	char byte;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	target_place = PLACE_NONE;
	p.fd = try_connect("127.0.0.1", 5000);
	fds = fd_count();
	assert_int_equal(turn(WAIT_MS), 1);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(p.fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(fd_count(), fds);
	close(p.fd);
}

static void out_of_descriptors_when_accepting(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	int fd;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	fd = try_connect("127.0.0.1", 5000);

	limit_fds(true);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_int_equal(turn(0), 0);		/* No event all the time */
	advance(50);
	assert_int_equal(turn(0), 0);
	advance(60);
	assert_int_equal(turn(WAIT_MS), 1);	/* Tried again */
	assert_int_equal(turn(0), 0);
	limit_fds(false);
	assert_int_equal(last.fd, -1);

	advance(110);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_true(last.fd >= 0);
	assert_int_equal(turn(0), 0);
	close(fd);
}

/* Clients of the host's wait, those of the namespace go to the host anyway */
static void crowded_attempts(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	int fd;

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	crowded = true;
	fd = try_connect("127.0.0.1", 5000);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_int_equal(last.fd, -1);
	assert_int_equal(turn(0), 0);		/* No event all the time */
	crowded = false;
	advance(110);
	assert_int_equal(turn(WAIT_MS), 1);
	assert_true(last.fd >= 0);
	close(fd);
}

/**
 * start() - Run listen_init() with one rule in a process of its own
 * @r:		Rule
 * @text:	Set to what it prints
 *
 * Return: 0 if it succeeds, else its exit status
 */
static int start(const struct fwd_rule *r, char text[static LISTEN_WHY_MAX])
{
	int status, out[2];
	ssize_t n;
	pid_t pid;

	spec[0] = *r;
	spec_count = 1;
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		listen_init(&c, &ns);
		_exit(0);
	}
	close(out[1]);
	n = read(out[0], text, LISTEN_WHY_MAX - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Scenario 91 */
static void start_waits_for_a_dying_twin(void **state)
{
	const struct timespec wait = { .tv_nsec = TWIN_MS * 1000000 };
	struct fwd_rule r = rule(5000, 5000, 0);
	char text[LISTEN_WHY_MAX];
	int twin;
	pid_t pid;

	(void)state;
	twin = occupy("0.0.0.0", 5000, SOCK_STREAM);
	pid = fork();
	if (!pid) {
		nanosleep(&wait, NULL);
		_exit(0);
	}
	close(twin);
	r.listen = text_addr("0.0.0.0");
	assert_int_equal(start(&r, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void start_fails_for_one_that_stays(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);
	char text[LISTEN_WHY_MAX];
	int fd[2];

	(void)state;
	fd[0] = occupy("0.0.0.0", 5000, SOCK_STREAM);
	fd[1] = occupy("::", 5000, SOCK_STREAM);
	assert_int_equal(start(&r, text), 1);
	assert_string_equal(text, "Failed to bind port 5000 (Address already "
				  "in use) for option '-t 5000'\n");
	r.flags = FWD_WEAK;
	assert_int_equal(start(&r, text), 1);
	r.flags = FWD_WEAK | FWD_IMPLIED;
	assert_int_equal(start(&r, text), 0);
	close(fd[0]);
	close(fd[1]);
}

static void two_weak_rules_need_one_port(void **state)
{
	struct listeners *before = c.listen;
	int fd[2], i;

	(void)state;
	fd[0] = occupy("0.0.0.0", 5000, SOCK_STREAM);
	fd[1] = occupy("::", 5000, SOCK_STREAM);
	spec_count = 2;
	for (i = 0; i < 2; i++) {		/* Whichever comes first */
		spec[i] = rule(5000, 5000, FWD_WEAK);
		spec[!i] = rule(5001, 5001, FWD_WEAK);
		listen_init(&c, &ns);
		assert_true(is_open("127.0.0.1", 5001));
		listen_teardown(NULL);
		c.listen = before;
		c.wheel = calloc(1, sizeof(*c.wheel));
		c.epollfd = epoll_create1(EPOLL_CLOEXEC);
	}
	close(fd[0]);
	close(fd[1]);
}

static void auto_follows_the_namespace(void **state)
{
	struct fwd_rule r = rule(5000, 5010, FWD_WEAK | FWD_SCAN);
	int port = 6001, outside = 6011, fd, other;

	(void)state;
	r.to_first = 6000;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	listen_start(&c);
	other = netns_call(&ns, occupy_in_ns, &outside);
	advance(1000);
	assert_false(is_open("127.0.0.1", 5001));

	fd = netns_call(&ns, occupy_in_ns, &port);
	assert_false(is_open("127.0.0.1", 5001));
	advance(1000);
	assert_true(is_open("127.0.0.1", 5001));
	assert_true(is_open("::1", 5001));
	assert_false(is_open("127.0.0.1", 5000));
	assert_false(is_open("127.0.0.1", 5011));
	advance(1000);
	assert_true(is_open("127.0.0.1", 5001));

	close(fd);
	advance(1000);
	assert_false(is_open("127.0.0.1", 5001));
	close(other);
}

/**
 * auto_both_ways() - Rules that follow ports, from the host and back
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @port:	Port bound in the namespace, as for occupy_in_ns()
 */
static void auto_both_ways(uint8_t proto, int port)
{
	struct fwd_rule r = rule(1, 32767, FWD_WEAK | FWD_SCAN);
	unsigned fds = fd_count();
	int fd, i;

	r.proto = proto;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	r.from = PLACE_NS;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);

	fd = netns_call(&ns, occupy_in_ns, &port);
	for (i = 0; i < 3; i++)
		advance(1000);
	assert_int_equal(fd_count(), fds + 2);

	close(fd);
	for (i = 0; i < 3; i++)
		advance(1000);
	assert_int_equal(fd_count(), fds);
}

/* Scenario 44 */
static void auto_does_not_forward_back(void **state)
{
	(void)state;
	auto_both_ways(IPPROTO_TCP, 5000);
	auto_both_ways(IPPROTO_UDP, -5000);
}

static void implied_udp_follows_tcp(void **state)
{
	struct fwd_rule r = rule(1, 32767, FWD_WEAK | FWD_SCAN);
	unsigned fds = fd_count();
	int port = 5000, fd;

	(void)state;
	r.proto = IPPROTO_UDP;
	r.flags |= FWD_IMPLIED;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	fd = netns_call(&ns, occupy_in_ns, &port);
	advance(1000);
	assert_int_equal(fd_count(), fds + 2);
	close(fd);
	port = -5001;
	fd = netns_call(&ns, occupy_in_ns, &port);
	advance(1000);
	assert_int_equal(fd_count(), fds + 2);
	assert_int_equal(listen_get(&c, 0)->port, 5001);
	close(fd);
}

/* Rules for TCP and UDP, from both sides, can be told from each other */
static void changes_are_told(void **state)
{
	struct fwd_rule r = rule(5000, 5010, FWD_WEAK | FWD_SCAN);
	int before = dup(STDERR_FILENO), pair[2], port = 6001, fd;
	char text[4096] = "";

	(void)state;
	assert_int_equal(pipe(pair), 0);
	r.to_first = 6000;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	r.proto = IPPROTO_UDP;
	r.flags |= FWD_IMPLIED;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	listen_start(&c);
	fd = netns_call(&ns, occupy_in_ns, &port);

	log_set_level(LOG_LEVEL_DEBUG);
	dup2(pair[1], STDERR_FILENO);
	advance(1000);
	close(fd);
	advance(1000);
	dup2(before, STDERR_FILENO);
	log_set_level(LOG_LEVEL_ERR);

	assert_true(read(pair[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "TCP port 5001 of the host is forwarded "
				     "now, to port 6001"));
	assert_non_null(strstr(text, "UDP port 5001 of the host is forwarded "
				     "now, to port 6001"));
	assert_non_null(strstr(text, "TCP port 5001 of the host is not "
				     "forwarded any more, to port 6001"));
	close(pair[0]);
	close(pair[1]);
	close(before);
}

static void rules_are_told(void **state)
{
	struct fwd_rule r = rule(5000, 5000, 0);

	(void)state;
	assert_int_equal(listen_add(&c, &r, why, sizeof(why)), 0);
	listen_print(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(port_takes_both_versions),
		TEST(datagrams),
		TEST(connection_with_nowhere_to_go_is_reset),
		TEST(out_of_descriptors_when_accepting),
		TEST(crowded_attempts),
		TEST(start_waits_for_a_dying_twin),
		TEST(start_fails_for_one_that_stays),
		TEST(two_weak_rules_need_one_port),
		TEST(auto_follows_the_namespace),
		TEST(auto_does_not_forward_back),
		TEST(implied_udp_follows_tcp),
		TEST(changes_are_told),
		TEST(rules_are_told),
	};

	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, listen_group_setup, NULL);
}
