// SPDX-License-Identifier: BSD-3-Clause
/* load.c - load between two network namespaces, and what it costs a daemon
 *
 * load TEST [OPTION...] NAMESPACE NAMESPACE
 *
 * A server and a client are started, each in its namespace, given by its path.
 * Once they are at it and warmed up, counters and the CPU time of the daemon
 * between them are read, and read again at the end, so that neither start-up
 * nor connecting counts. One line of JSON tells the difference. Both ends share
 * memory, so that no other connection is needed to tell each other anything.
 *
 * Unless the kernel accounts for interrupts apart, as few do, the time of a
 * process has the soft interrupts in it that its own system calls raise: a
 * daemon that sends by veth pays for the receiver's part of the stack.
 *
 * In main(), all that fails ends the program: a figure is there or it isn't.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "load.h"

#define PIDS_MAX	16
#define NS_PER_S	1000000000ULL
#define START_NS	(20 * NS_PER_S)	/* To connect all there is */
#define POLL_US		500

static const struct load_test *const tests[] = {
	&load_stream, &load_rr, &load_crr, &load_udp_rr, &load_udp, &load_flows,
};

/**
 * struct load_cost - what a daemon and the machine have used so far
 * @run_ns:	CPU time of the daemon's processes
 * @user:	Part of it in user mode, ticks
 * @sys:	Part of it in the kernel, ticks
 * @softirq:	Of the whole machine, outside of processes, ticks
 */
struct load_cost {
	unsigned long long run_ns;
	unsigned long user;
	unsigned long sys;
	unsigned long softirq;
};

/**
 * struct load_run - how to measure
 * @test:	Kind of load
 * @opts:	What to measure
 * @pids:	Processes of the daemon
 * @pid_count:	How many
 * @warm_ms:	Time before the measurement
 * @time_ms:	Time of the measurement
 */
struct load_run {
	const struct load_test *test;
	struct load_opts opts;
	int pids[PIDS_MAX];
	unsigned pid_count;
	unsigned warm_ms;
	unsigned time_ms;
};

/**
 * load_fail() - End this process with an error
 * @what:	What failed, errno set
 */
_Noreturn void load_fail(const char *what)
{
	fprintf(stderr, "load: %s: %m\n", what);
	exit(EXIT_FAILURE);
}

/**
 * load_now_ns() - The time
 *
 * Return: ns
 */
uint64_t load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/**
 * load_set() - Set a socket option, or end
 * @fd:		Socket
 * @level:	Level
 * @name:	Option
 * @value:	Value
 */
void load_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		load_fail("setsockopt");
}

/**
 * load_answered() - Count an answer and the time it took
 * @s:		Shared memory
 * @since_ns:	When it was asked for
 */
void load_answered(struct load_shared *s, uint64_t since_ns)
{
	uint64_t us = (load_now_ns() - since_ns) / 1000;

	s->hist[us < LOAD_HIST_MAX ? us : LOAD_HIST_MAX - 1]++;
	atomic_fetch_add_explicit(&s->ops, 1, memory_order_relaxed);
}

/**
 * load_resolve() - Make a socket address of literals
 * @address:	Address
 * @port:	Port
 * @type:	Type of socket
 *
 * Return: address information, to be freed by nobody
 */
static struct addrinfo *load_resolve(const char *address, uint16_t port,
				     int type)
{
	struct addrinfo hints = {
		.ai_socktype = type, .ai_flags = AI_NUMERICHOST,
	}, *info;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(address, service, &hints, &info)) {
		errno = EINVAL;
		load_fail(address);
	}
	return info;
}

/**
 * load_listen() - Bind a server's socket, have it listen if it can
 * @o:		Options
 * @type:	Type of socket
 *
 * Return: socket
 */
int load_listen(const struct load_opts *o, int type)
{
	struct addrinfo *info = load_resolve(o->bind, o->bind_port, type);
	int fd = socket(info->ai_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		load_fail("socket");
	load_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, info->ai_addr, info->ai_addrlen))
		load_fail("bind");
	if (type == SOCK_STREAM && listen(fd, 4096))
		load_fail("listen");
	freeaddrinfo(info);
	return fd;
}

/**
 * load_connect() - Connect a client's socket
 * @o:		Options
 * @type:	Type of socket
 *
 * Return: socket, -1 if that failed
 */
int load_connect(const struct load_opts *o, int type)
{
	static struct addrinfo *info;
	int fd;

	if (!info)
		info = load_resolve(o->address, o->port, type);
	fd = socket(info->ai_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (type == SOCK_STREAM)
		load_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, info->ai_addr, info->ai_addrlen)) {
		close(fd);
		return -1;
	}
	return fd;
}

/**
 * read_cost() - Read what was used so far
 * @r:		Run
 *
 * Return: cost
 *
 * Source: proc(5), /proc/PID/stat and /proc/stat; kernel,
 *	   Documentation/scheduler/sched-stats.rst
 */
static struct load_cost read_cost(const struct load_run *r)
{
	struct load_cost c = { 0 };
	unsigned i;
	FILE *f;

	for (i = 0; i < r->pid_count; i++) {
		unsigned long long ns;
		unsigned long user, sys;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%i/schedstat", r->pids[i]);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%llu", &ns) != 1)
			load_fail(path);
		fclose(f);
		c.run_ns += ns;

		snprintf(path, sizeof(path), "/proc/%i/stat", r->pids[i]);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u "
				 "%*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
			load_fail(path);
		fclose(f);
		c.user += user;
		c.sys += sys;
	}

	f = fopen("/proc/stat", "r");
	if (!f || fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %lu",
			 &c.softirq) != 1)
		load_fail("/proc/stat");
	fclose(f);
	return c;
}

/**
 * start_end() - Start one end of the load
 * @ns:		Path of its network namespace
 * @run:	What it does
 * @o:		Options
 * @s:		Shared memory
 *
 * Return: process
 */
static pid_t start_end(const char *ns,
		       void (*run)(const struct load_opts *,
				   struct load_shared *),
		       const struct load_opts *o, struct load_shared *s)
{
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		load_fail("fork");
	if (pid)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(ns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		load_fail(ns);
	close(fd);
	run(o, s);
	exit(EXIT_SUCCESS);
}

/**
 * wait_for() - Wait until one of the ends says so
 * @flag:	What it sets
 * @pid:	The end: if it exits, so do we
 */
static void wait_for(atomic_uint *flag, pid_t pid)
{
	uint64_t end = load_now_ns() + START_NS;

	while (!atomic_load(flag)) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			exit(EXIT_FAILURE);
		if (load_now_ns() > end) {
			errno = ETIMEDOUT;
			load_fail("start");
		}
		usleep(POLL_US);
	}
}

/**
 * percentile() - Latency that a part of the answers did not exceed
 * @s:		Shared memory
 * @part:	That part
 *
 * Return: us
 */
static unsigned percentile(const struct load_shared *s, double part)
{
	double total = 0, sum = 0;
	unsigned i;

	for (i = 0; i < LOAD_HIST_MAX; i++)
		total += s->hist[i];
	for (i = 0; i < LOAD_HIST_MAX - 1 && sum < total * part; i++)
		sum += s->hist[i];
	return i;
}

/**
 * measure() - Watch both ends for the time of the measurement, print figures
 * @r:		Run
 * @s:		Shared memory
 */
static void measure(const struct load_run *r, struct load_shared *s)
{
	unsigned long long bytes, ops, first;
	struct load_cost from, to;
	uint64_t begin, ns;

	usleep(r->warm_ms * 1000);
	memset(s->hist, 0, sizeof(s->hist));
	from = read_cost(r);
	bytes = atomic_load(&s->bytes);
	ops = atomic_load(&s->ops);
	begin = load_now_ns();

	usleep(r->time_ms * 1000);
	to = read_cost(r);
	bytes = atomic_load(&s->bytes) - bytes;
	ops = atomic_load(&s->ops) - ops;
	ns = load_now_ns() - begin;
	first = atomic_load(&s->first_ns);

	/* Let what is under way arrive, to tell loss */
	atomic_store(&s->stop, 1);
	if (atomic_load(&s->sent))
		usleep(100000);

	printf("{\"ns\": %llu, \"bytes\": %llu, \"ops\": %llu, "
	       "\"cpu_ns\": %llu, \"user_ticks\": %lu, \"sys_ticks\": %lu, "
	       "\"softirq_ticks\": %lu, \"sent\": %llu, \"received\": %llu, "
	       "\"errors\": %llu, \"flows\": %u, \"first_ns\": %llu, "
	       "\"p50_us\": %u, \"p99_us\": %u}\n",
	       (unsigned long long)ns, bytes, ops, to.run_ns - from.run_ns,
	       to.user - from.user, to.sys - from.sys,
	       to.softirq - from.softirq, atomic_load(&s->sent),
	       atomic_load(&s->ops), atomic_load(&s->errors),
	       atomic_load(&s->flows),
	       first ? first - atomic_load(&s->begin_ns) : 0,
	       percentile(s, 0.5), percentile(s, 0.99));
}

/**
 * hold() - Print the number of flows and keep them until stdin ends
 * @s:		Shared memory
 */
static void hold(const struct load_shared *s)
{
	char c;

	printf("{\"flows\": %u}\n", atomic_load(&s->flows));
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/**
 * parse_pids() - Take processes from a list with commas
 * @r:		Run
 * @list:	List
 */
static void parse_pids(struct load_run *r, char *list)
{
	char *end = list;

	while (*list && r->pid_count < PIDS_MAX) {
		r->pids[r->pid_count++] = (int)strtol(list, &end, 10);
		list = *end ? end + 1 : end;
	}
}

/**
 * parse() - Read the command line
 * @r:		Run to fill
 * @argc:	Number of arguments
 * @argv:	Arguments
 */
static void parse(struct load_run *r, int argc, char *argv[])
{
	struct load_opts *o = &r->opts;
	unsigned i;
	int opt;

	for (i = 0; argc > 1 && i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(tests[i]->name, argv[1]))
			r->test = tests[i];

	optind = 2;
	while (r->test && (opt = getopt(argc, argv, "a:b:p:P:n:A:s:w:t:i:dg"))
	       != -1) {
		unsigned n = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'a': o->address = optarg; break;
		case 'b': o->bind = optarg; break;
		case 'p': o->port = (uint16_t)n; break;
		case 'P': o->bind_port = (uint16_t)n; break;
		case 'n': o->count = n; break;
		case 'A': o->active = n; break;
		case 's': o->size = n; break;
		case 'w': r->warm_ms = n; break;
		case 't': r->time_ms = n; break;
		case 'i': parse_pids(r, optarg); break;
		case 'd': o->down = true; break;
		case 'g': o->gso = true; break;
		default: r->test = NULL;
		}
	}
	if (!r->test || optind != argc - 2 || !o->address || !o->port) {
		fprintf(stderr, "usage: load TEST -a ADDRESS -p PORT "
			"[-b ADDRESS] [-P PORT] [-n COUNT] [-A ACTIVE] "
			"[-s SIZE] [-w MS] [-t MS] [-i PID,...] [-d] [-g] "
			"NAMESPACE NAMESPACE\n");
		exit(EXIT_FAILURE);
	}
	if (!o->bind)
		o->bind = o->address;
	if (!o->bind_port)
		o->bind_port = o->port;
	o->v6 = strchr(o->bind, ':');
}

/**
 * main() - Entry point of the load generator
 * @argc:	Number of arguments
 * @argv:	Arguments
 *
 * Return: 0 if there are figures
 */
int main(int argc, char *argv[])
{
	struct load_run r = {
		.opts = { .count = 1, .size = 1400 },
		.warm_ms = 100, .time_ms = 500,
	};
	struct load_shared *s;
	struct rlimit lim;
	pid_t pid[2];

	parse(&r, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		load_fail("mmap");

	pid[0] = start_end(argv[argc - 2], r.test->server, &r.opts, s);
	wait_for(&s->ready, pid[0]);
	pid[1] = start_end(argv[argc - 1], r.test->client, &r.opts, s);
	wait_for(&s->running, pid[1]);
	if (r.time_ms)
		measure(&r, s);
	else
		hold(s);

	kill(pid[1], SIGKILL);
	kill(pid[0], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
