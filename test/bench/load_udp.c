// SPDX-License-Identifier: BSD-3-Clause
/* load_udp.c - load by UDP datagrams
 *
 * The sender has no more than a number of datagrams under way, as protocols
 * that control congestion do: the receiver tells how many arrived by shared
 * memory. So what is measured is what the path carries, not what a sender can
 * throw away; what nevertheless gets lost is counted. Without that number, the
 * sender sends all it can.
 *
 * Datagrams are sent by sendmmsg(), or joined by UDP_SEGMENT and received by
 * UDP_GRO, as applications do that want speed.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "load.h"

#define BATCH		16	/* Datagrams sent at once */
#define RECV_BATCH	64
#define LOST_NS		5000000	/* Silence after which all count as lost */
#define RCVBUF		(8 << 20)
#define MAX_LEN		65536

static char buf[RECV_BATCH][MAX_LEN];

/**
 * udp_segments() - How many datagrams a message had joined
 * @mh:		Message received
 * @len:	Its length
 *
 * Return: datagrams
 *
 * Source: udp(7), UDP_GRO
 */
static unsigned udp_segments(struct msghdr *mh, size_t len)
{
	struct cmsghdr *cmsg;
	int size = 0;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg; cmsg = CMSG_NXTHDR(mh, cmsg))
		if (cmsg->cmsg_level == SOL_UDP && cmsg->cmsg_type == UDP_GRO)
			memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
	return size ? (unsigned)((len + (size_t)size - 1) / (size_t)size) : 1;
}

/**
 * udp_receive_batch() - Receive what there is, at least one message
 * @fd:		Socket
 * @mh:		Filled
 *
 * Return: messages, -1 if that failed
 */
static int udp_receive_batch(int fd, struct mmsghdr mh[RECV_BATCH])
{
	static char control[RECV_BATCH][CMSG_SPACE(sizeof(int))];
	static struct iovec iov[RECV_BATCH];
	int i;

	for (i = 0; i < RECV_BATCH; i++) {
		iov[i] = (struct iovec){ buf[i], MAX_LEN };
		mh[i].msg_hdr = (struct msghdr){
			.msg_iov = &iov[i], .msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	return recvmmsg(fd, mh, RECV_BATCH, MSG_WAITFORONE, NULL);
}

/**
 * udp_receive() - Receive and count for ever
 * @fd:		Socket
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_receive(int fd, const struct load_opts *o,
			struct load_shared *s)
{
	struct mmsghdr mh[RECV_BATCH];

	load_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RCVBUF);
	if (o->gso)
		load_set(fd, SOL_UDP, UDP_GRO, 1);
	for (;;) {
		unsigned long long bytes = 0, ops = 0;
		int i, n = udp_receive_batch(fd, mh);

		for (i = 0; i < n; i++) {
			if (mh[i].msg_len < o->size)
				continue;	/* Hello */
			bytes += mh[i].msg_len;
			ops += udp_segments(&mh[i].msg_hdr, mh[i].msg_len);
		}
		atomic_fetch_add(&s->bytes, bytes);
		atomic_fetch_add(&s->ops, ops);
		if (atomic_exchange(&s->waiting, 0))
			syscall(SYS_futex, &s->waiting, FUTEX_WAKE, 1);
	}
}

/**
 * udp_wait() - Wait until there is room for another batch
 * @o:		Options
 * @s:		Shared memory
 * @base:	Datagrams known to be lost, more after silence
 * @sent:	Datagrams sent
 */
static void udp_wait(const struct load_opts *o, struct load_shared *s,
		     unsigned long long *base, unsigned long long sent)
{
	static const struct timespec patience = { .tv_nsec = LOST_NS };

	for (;;) {
		unsigned long long got = atomic_load(&s->ops) + *base;

		if (sent < got) {	/* Late, not lost */
			*base -= got - sent;
			got = sent;
		}
		if (sent + BATCH <= got + o->count)
			return;
		atomic_store(&s->waiting, 1);
		if (got != atomic_load(&s->ops) + *base)
			continue;
		if (syscall(SYS_futex, &s->waiting, FUTEX_WAIT, 1,
			    &patience) && errno == ETIMEDOUT)
			*base += sent - got;
	}
}

/**
 * udp_send() - Send until the end
 * @fd:		Connected socket
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_send(int fd, const struct load_opts *o, struct load_shared *s)
{
	struct iovec iov = { buf[0], o->size * (o->gso ? BATCH : 1) };
	unsigned long long base = 0, sent = 0;
	struct mmsghdr mh[BATCH] = { 0 };
	unsigned i;

	if (o->gso)
		load_set(fd, SOL_UDP, UDP_SEGMENT, (int)o->size);
	for (i = 0; i < BATCH; i++)
		mh[i].msg_hdr = (struct msghdr){
			.msg_iov = &iov, .msg_iovlen = 1,
		};

	while (!atomic_load(&s->stop)) {
		int n;

		if (o->count)
			udp_wait(o, s, &base, sent);
		n = sendmmsg(fd, mh, o->gso ? 1 : BATCH, 0);
		if (n <= 0)
			continue;
		sent += (unsigned)n * (o->gso ? BATCH : 1U);
		atomic_store(&s->sent, sent);
	}
	pause();
}

/**
 * udp_server() - struct load_test @server
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_server(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_listen(o, SOCK_DGRAM);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char c;

	atomic_store(&s->ready, 1);
	if (recvfrom(fd, &c, 1, 0, (struct sockaddr *)&sa, &len) < 0 ||
	    connect(fd, (struct sockaddr *)&sa, len))
		load_fail("client");
	atomic_store(&s->running, 1);
	if (o->down)
		udp_send(fd, o, s);
	else
		udp_receive(fd, o, s);
}

/**
 * udp_client() - struct load_test @client
 * @o:		Options
 * @s:		Shared memory
 */
static void udp_client(const struct load_opts *o, struct load_shared *s)
{
	int fd = load_connect(o, SOCK_DGRAM);
	char c = 0;

	if (fd < 0)
		load_fail("connect");
	do {
		send(fd, &c, 1, 0);
		usleep(5000);
	} while (!atomic_load(&s->running));
	if (o->down)
		udp_receive(fd, o, s);
	else
		udp_send(fd, o, s);
}

const struct load_test load_udp = {
	.name = "udp", .server = udp_server, .client = udp_client,
};
