// SPDX-License-Identifier: BSD-3-Clause
/* listen_fake.c - what surrounds listening sockets, for their tests
 *
 * The tests run in a namespace that stands for the host, with another one that
 * stands for the guest's. Where connections go is noted by fakes.
 */

#include "listen_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "fwd_spec.h"
#include "listen_tab.h"
#include "nsock.h"
#include "splice.h"
#include "tcp.h"
#include "text_addr.h"
#include "udp.h"

struct ctx c;
struct netns ns;
struct fwd_rule spec[8];
unsigned spec_count;
struct accepted last;
unsigned udp_received;
int udp_opened, udp_closed;
unsigned udp_opened_count, udp_closed_count;
uint8_t target_place;
char why[LISTEN_WHY_MAX];

static int host_fd;			/* The host's namespace */

unsigned fwd_spec_rules(const struct conf *conf, struct fwd_rule *rules,
			unsigned max)
{
	(void)conf;
	assert_true(spec_count <= max);
	memcpy(rules, spec, spec_count * sizeof(spec[0]));
	return spec_count;
}

bool fwd_from_socket(const struct conf *conf, const struct tap *tap,
		     const struct fwd_rule *rule, const struct flow_side *ini,
		     struct flow_side *tgt)
{
	(void)conf;
	(void)tap;
	(void)rule;
	last.ini = *ini;
	*tgt = (struct flow_side){ .place = target_place };
	return target_place != PLACE_NONE;
}

bool crowded;

bool flow_is_crowded(const struct ctx *ctx)
{
	(void)ctx;
	return crowded;
}

void tcp_accepted(struct ctx *ctx, int fd, const struct flow_side *host,
		  const struct flow_side *guest)
{
	(void)ctx;
	(void)guest;
	last = (struct accepted){ .fd = fd, .ini = *host };
}

void splice_accepted(struct ctx *ctx, int fd, const struct flow_side *ini,
		     const struct flow_side *tgt)
{
	tcp_accepted(ctx, fd, ini, tgt);
	last.spliced = true;
}

void udp_listener_opened(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	assert_int_equal(type, SOCK_DGRAM);
	udp_opened = fd;
	udp_opened_count++;
}

void udp_listener_closed(struct ctx *ctx, int fd)
{
	(void)ctx;
	assert_true(fcntl(fd, F_GETFD) >= 0);
	udp_closed = fd;
	udp_closed_count++;
}

void udp_listen_event(struct ctx *ctx, const struct listener *l,
		      uint32_t events)
{
	char byte;

	(void)ctx;
	assert_int_equal(events, EPOLLIN);
	assert_int_equal(recv(l->fd, &byte, 1, 0), 1);
	udp_received++;
}

int netns_call(const struct netns *n, netns_fn *fn, void *arg)
{
	int rc;

	assert_int_equal(setns(n->net_fd, CLONE_NEWNET), 0);
	rc = fn(arg);
	assert_int_equal(setns(host_fd, CLONE_NEWNET), 0);
	return rc;
}

/**
 * make_socket() - Function for netns_call()
 * @arg:	int[2]: address family, type
 *
 * Return: descriptor
 */
static int make_socket(void *arg)
{
	const int *a = arg;

	return socket(a[0], a[1] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int nsock_get(struct nsock *n, enum ipver v, uint8_t proto)
{
	int a[2] = {
		addr_family(v),
		proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM,
	};

	(void)n;
	return netns_call(&ns, make_socket, a);
}

int nsock_bind(struct nsock *n, int fd, const struct addr *addr, uint16_t port)
{
	(void)n;
	(void)fd;
	(void)addr;
	(void)port;
	return -EACCES;
}

/**
 * lo_up() - Bring up the loopback interface
 * @arg:	Not used
 *
 * Return: 0
 */
static int lo_up(void *arg)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
	return 0;
}

/**
 * listen_group_setup() - Make the two namespaces
 * @state:	Not used
 *
 * Return: 0, 1 if we may not
 */
int listen_group_setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 1;
	ns.net_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET))
		return 1;
	host_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	lo_up(NULL);
	return netns_call(&ns, lo_up, NULL);
}

/**
 * listen_setup() - Start with no rule
 * @state:	Not used
 *
 * Return: 0
 */
int listen_setup(void **state)
{
	(void)state;
	c.now_ms = 1000;
	c.epollfd = epoll_create1(EPOLL_CLOEXEC);
	c.conf.ip[V4].enabled = c.conf.ip[V6].enabled = true;
	c.wheel = calloc(1, sizeof(*c.wheel));
	timer_init(c.wheel, c.now_ms);
	target_place = PLACE_GUEST;
	last.fd = -1;
	crowded = false;
	udp_received = 0;
	udp_opened = udp_closed = -1;
	udp_opened_count = udp_closed_count = 0;
	spec_count = 0;
	*why = '\0';
	listen_init(&c, &ns);
	return 0;
}

/**
 * listen_teardown() - Close everything
 * @state:	Not used
 *
 * Return: 0
 */
int listen_teardown(void **state)
{
	struct listeners *ls = c.listen;
	unsigned i;

	(void)state;
	for (i = 0; i < FWD_RULES_MAX; i++) {
		if (ls->table.rules[i].proto)
			listen_remove(&c, &ls->table.rules[i]);
	}
	for (i = 0; i < 8; i++)
		close(ls->files[i / 4].fd[i / 2 % 2][i % 2]);
	close(ls->files[0].diag);
	close(ls->files[1].diag);
	free(ls->all);
	free(ls);
	free(c.wheel);
	close(c.epollfd);
	if (last.fd >= 0)
		close(last.fd);
	return 0;
}

/**
 * rule() - A rule of TCP ports of the host
 * @first:	First port
 * @last_port:	Last port
 * @flags:	FWD_*
 *
 * Return: rule
 */
struct fwd_rule rule(uint16_t first, uint16_t last_port, uint8_t flags)
{
	struct fwd_rule r;

	memset(&r, 0, sizeof(r));
	r.proto = IPPROTO_TCP;
	r.from = PLACE_HOST;
	r.flags = flags;
	r.first = r.to_first = first;
	r.last = last_port;
	return r;
}

/**
 * occupy() - Somebody else's socket, on the host
 * @text:	Address
 * @port:	Port
 * @type:	SOCK_STREAM or SOCK_DGRAM
 *
 * Return: descriptor
 */
int occupy(const char *text, uint16_t port, int type)
{
	struct addr a = text_addr(text);
	union sockaddr_any sa;
	socklen_t len = addr_to_sockaddr(&sa, &a, port, 0);
	int one = 1, fd = socket(sa.sa.sa_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (sa.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, &sa.sa, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/**
 * occupy_in_ns() - Somebody else's socket in the namespace, for netns_call()
 * @arg:	Port, negative for UDP
 *
 * Return: descriptor
 */
int occupy_in_ns(void *arg)
{
	int port = *(int *)arg;

	return port < 0 ? occupy("0.0.0.0", (uint16_t)-port, SOCK_DGRAM)
			: occupy("0.0.0.0", (uint16_t)port, SOCK_STREAM);
}

/**
 * try_connect() - Connect to a port of the host
 * @text:	Address
 * @port:	Port
 *
 * Return: non-blocking descriptor, -errno
 */
int try_connect(const char *text, uint16_t port)
{
	struct addr a = text_addr(text);
	union sockaddr_any sa;
	socklen_t len = addr_to_sockaddr(&sa, &a, port, 0);
	int rc, fd = socket(sa.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	rc = connect(fd, &sa.sa, len) ? -errno : 0;
	if (rc) {
		close(fd);
		return rc;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/**
 * is_open() - Does anybody listen on a port of the host?
 * @text:	Address
 * @port:	Port
 *
 * Return: true if somebody does
 */
bool is_open(const char *text, uint16_t port)
{
	int fd = try_connect(text, port);

	if (fd < 0)
		assert_int_equal(fd, -ECONNREFUSED);
	else
		close(fd);
	return fd >= 0;
}

/**
 * turn() - Handle events that are there
 * @timeout_ms:	How long to wait for the first one
 *
 * Return: how many there were
 */
int turn(int timeout_ms)
{
	struct epoll_event ev[8];
	int i, n = epoll_wait(c.epollfd, ev, 8, timeout_ms);

	for (i = 0; i < n; i++) {
		union event_ref ref = { .u64 = ev[i].data.u64 };

		assert_int_equal(ref.type, EVENT_LISTEN);
		listen_event(&c, ref.index, ev[i].events);
	}
	return n;
}

/**
 * advance() - Let time pass
 * @ms:		Milliseconds
 */
void advance(uint64_t ms)
{
	c.now_ms += ms;
	timer_run(c.wheel, c.now_ms, &c);
}

/**
 * limit_fds() - Allow no descriptor more than there are, or as many as before
 * @on:		Do so
 */
void limit_fds(bool on)
{
	static struct rlimit before;
	struct rlimit now;
	int fd;

	if (!on) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		return;
	}
	fd = dup(STDIN_FILENO);		/* The first that is free */
	close(fd);
	getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	now.rlim_cur = (rlim_t)fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

bool tap_is_full(const struct tap *tap)
{
	return tap->ready && tap->blocked;
}
