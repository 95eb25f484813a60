// SPDX-License-Identifier: BSD-3-Clause
/* wire.c - a wire between two network namespaces that delays what it carries
 *
 * wire MICROSECONDS IFNAME NAMESPACE NAMESPACE
 *
 * Makes a tun device in each namespace and carries packets between them, each
 * way with the delay, until stdin ends. Prints a line once both are there; the
 * caller sets addresses and has them up. For kernels without netem.
 *
 * Devices carry TCP segments in bulk, with the header that says how to cut
 * them. Packets keep their order. There is room for QUEUE_BYTES each way; what
 * comes beyond that has to wait in the device's own queue.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define PACKET_MAX	(65536 + 64)
#define QUEUE_PACKETS	(1U << 16)
#define QUEUE_BYTES	(128U << 20)
#define NS_PER_S	1000000000ULL
#define READ_MAX	32	/* Packets before the other way has its turn */

/**
 * struct queue - packets on their way in one direction
 * @from:	Descriptor they are read from
 * @to:		Descriptor they are written to
 * @first:	Number of the oldest packet
 * @next:	Number of the next one
 * @head:	Where the next one is put in @data
 * @due:	When each is to be written, ns
 * @at:		Where it is
 * @len:	Its length
 * @data:	All of them
 */
struct queue {
	int from;
	int to;
	uint32_t first;
	uint32_t next;
	size_t head;
	uint64_t due[QUEUE_PACKETS];
	uint32_t at[QUEUE_PACKETS];
	uint32_t len[QUEUE_PACKETS];
	char *data;
};

static struct queue queues[2];

/**
 * fail() - End with an error
 * @what:	What failed, errno set
 */
static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "wire: %s: %m\n", what);
	exit(EXIT_FAILURE);
}

/**
 * now_ns() - The time
 *
 * Return: ns
 */
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/**
 * open_tun() - Make a tun device in a namespace, and go there
 * @ns:		Path of the namespace
 * @name:	Name of the device
 *
 * Return: descriptor
 *
 * Source: kernel, Documentation/networking/tuntap.rst
 */
static int open_tun(const char *ns, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open(ns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(ns);
	close(fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail("/dev/net/tun");
	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &ifr) ||
	    ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 |
						     TUN_F_TSO6)))
		fail(name);
	return fd;
}

/**
 * has_room() - Is there room for another packet of any length?
 * @q:		Queue
 *
 * Packets lie one behind the other, each in one piece: at the end of @data,
 * it goes on at its beginning.
 *
 * Return: true if there is
 */
static int has_room(struct queue *q)
{
	size_t tail = q->at[q->first % QUEUE_PACKETS];

	if (q->first == q->next) {
		q->head = 0;
		return 1;
	}
	if (q->next - q->first == QUEUE_PACKETS)
		return 0;
	if (q->head < tail)
		return tail - q->head > PACKET_MAX;
	if (QUEUE_BYTES - q->head > PACKET_MAX)
		return 1;
	if (tail <= PACKET_MAX)
		return 0;
	q->head = 0;
	return 1;
}

/**
 * take() - Read what the device has
 * @q:		Queue
 * @delay_ns:	How long it has to wait
 */
static void take(struct queue *q, uint64_t delay_ns)
{
	unsigned i;

	for (i = 0; i < READ_MAX && has_room(q); i++) {
		uint32_t slot = q->next % QUEUE_PACKETS;
		ssize_t n = read(q->from, q->data + q->head, PACKET_MAX);

		if (n <= 0)
			return;
		q->due[slot] = now_ns() + delay_ns;
		q->at[slot] = (uint32_t)q->head;
		q->len[slot] = (uint32_t)n;
		q->head += (size_t)n;
		q->next++;
	}
}

/**
 * give() - Write what is due
 * @q:		Queue
 *
 * Return: when the next one is, UINT64_MAX if there is none
 */
static uint64_t give(struct queue *q)
{
	while (q->first != q->next) {
		uint32_t slot = q->first % QUEUE_PACKETS;

		if (q->due[slot] > now_ns())
			return q->due[slot];
		if (write(q->to, q->data + q->at[slot], q->len[slot]) < 0 &&
		    errno != EIO)
			perror("wire: write");
		q->first++;
	}
	return UINT64_MAX;
}

/**
 * main() - Entry point
 * @argc:	Number of arguments
 * @argv:	Arguments
 *
 * Return: 0 once stdin ends
 */
int main(int argc, char *argv[])
{
	uint64_t delay_ns;
	unsigned i;

	if (argc != 5) {
		fprintf(stderr, "usage: wire MICROSECONDS IFNAME "
			"NAMESPACE NAMESPACE\n");
		return EXIT_FAILURE;
	}
	delay_ns = strtoull(argv[1], NULL, 10) * 1000;
	prctl(PR_SET_TIMERSLACK, 1);
	prctl(PR_SET_PDEATHSIG, 9);
	for (i = 0; i < 2; i++) {
		queues[i].from = open_tun(argv[3 + i], argv[2]);
		queues[!i].to = queues[i].from;
		queues[i].data = malloc(QUEUE_BYTES);
		if (!queues[i].data)
			fail("memory");
	}
	printf("ready\n");
	fflush(stdout);

	for (;;) {
		struct pollfd p[3] = { { .fd = STDIN_FILENO,
					 .events = POLLIN } };
		uint64_t due = UINT64_MAX, now;
		struct timespec t;

		for (i = 0; i < 2; i++) {
			uint64_t d = give(&queues[i]);

			due = d < due ? d : due;
			p[1 + i].fd = queues[i].from;
			p[1 + i].events = has_room(&queues[i]) ? POLLIN : 0;
		}
		now = now_ns();
		due = due > now ? due - now : 0;
		t.tv_sec = (time_t)(due / NS_PER_S);
		t.tv_nsec = (long)(due % NS_PER_S);
		ppoll(p, 3, due > NS_PER_S * 1000 ? NULL : &t, NULL);
		if (p[0].revents)
			return EXIT_SUCCESS;
		for (i = 0; i < 2; i++)
			if (p[1 + i].revents & POLLIN)
				take(&queues[i], delay_ns);
	}
}
