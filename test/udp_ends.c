// SPDX-License-Identifier: BSD-3-Clause
/* udp_ends.c - guest and hosts of the frame-level tests of datagrams
 *
 * The tests run in a network namespace of their own, where addresses on lo are
 * the hosts. All of what is sent is part of the same bytes, so that a test says
 * by offset and length what is to arrive.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fd_count.h"
#include "flow.h"
#include "own_netns.h"
#include "text_addr.h"
#include "udp.h"
#include "udp_ends.h"

const char *const udp_remote_text[IPVER_MAX] = {
	"198.51.100.1", "2001:db8:1::1",
};
const char *const udp_other_text[IPVER_MAX] = {
	"198.51.100.2", "2001:db8:1::2",
};
const char *const udp_nowhere_text[IPVER_MAX] = {
	"203.0.113.9", "2001:db8:9::9",
};
const char *const udp_group_text[IPVER_MAX] = {
	"239.255.255.250", "ff05::c",
};

uint8_t udp_data[DATA_MAX];
uint8_t udp_got[DATA_MAX];
unsigned udp_link;

/**
 * udp_remote() - Address of a host other than loopback
 * @s:		Stack
 *
 * Return: address
 */
struct addr udp_remote(const struct stack *s)
{
	return text_addr(udp_remote_text[s->v]);
}

/**
 * host_bind_udp() - UDP socket of a host
 * @a:		Its address
 * @port:	Port to bind, 0 for any; set to the port
 *
 * Return: descriptor
 */
int host_bind_udp(const struct addr *a, uint16_t *port)
{
	union sockaddr_any sa;
	socklen_t sl = addr_to_sockaddr(&sa, a, *port, 0);
	struct addr bound;
	int fd;

	fd = socket(addr_family(addr_version(a)), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	/* Two that are to have any port might get the same one */
	if (*port)
		host_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	host_set_int(fd, SOL_SOCKET, SO_RCVBUF, 4 << 20);
	assert_int_equal(bind(fd, &sa.sa, sl), 0);
	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	assert_true(addr_from_sockaddr(&sa, &bound, port));
	return fd;
}

/**
 * guest_send_dgram() - Have the guest send a datagram
 * @s:		Stack
 * @d:		Datagram
 */
void guest_send_dgram(struct stack *s, const struct dgram *d)
{
	static uint8_t l4[DATA_MAX + UDP_HLEN];
	struct guest_out out = {
		.src = &s->guest, .dst = &d->dst, .proto = IPPROTO_UDP,
		.ttl = d->ttl, .tos = d->tos, .gso_size = d->gso_size,
		.l4 = l4, .len = UDP_HLEN + d->len,
	};

	put16(l4, d->src_port ? d->src_port : GUEST_PORT);
	put16(l4 + 2, d->dst_port);
	put16(l4 + 4, (uint16_t)out.len);
	put16(l4 + 6, 0);
	memcpy(l4 + UDP_HLEN, udp_data + d->off, d->len);
	guest_send(s, &out);
}

/**
 * host_expect_udp() - A socket of a host must get a datagram
 * @s:		Stack
 * @fd:		Socket
 * @off:	Its data is this part of udp_data[]
 * @len:	Its length
 *
 * Return: source port
 */
uint16_t host_expect_udp(struct stack *s, int fd, size_t off, size_t len)
{
	union sockaddr_any sa;
	socklen_t sl = sizeof(sa);
	uint16_t port;
	struct addr a;
	ssize_t n;

	if (!host_wait(fd, POLLIN, 0))
		stack_settle(s);
	assert_true(host_wait(fd, POLLIN, HOST_WAIT_MS));
	n = recvfrom(fd, udp_got, sizeof(udp_got), MSG_DONTWAIT, &sa.sa, &sl);
	assert_int_equal(n, len);
	assert_memory_equal(udp_got, udp_data + off, len);
	assert_true(addr_from_sockaddr(&sa, &a, &port));
	return port;
}

/**
 * host_reply_udp() - Have a host send to the socket of a flow
 * @s:		Stack
 * @fd:		Socket of the host
 * @port:	Port of the flow's socket
 * @off:	Part of udp_data[]
 * @len:	Its length
 */
void host_reply_udp(struct stack *s, int fd, uint16_t port, size_t off,
		  size_t len)
{
	union sockaddr_any sa;
	socklen_t sl = sizeof(sa);
	struct addr a;

	/* Everything in here is local: our address is the host's as well */
	assert_int_equal(getsockname(fd, &sa.sa, &sl), 0);
	assert_true(addr_from_sockaddr(&sa, &a, NULL));
	if (addr_is_unspecified(&a))
		a = udp_remote(s);
	sl = addr_to_sockaddr(&sa, &a, port, 0);
	assert_int_equal(sendto(fd, udp_data + off, len, 0, &sa.sa, sl), len);
}

/**
 * guest_expect_udp() - The guest must get a datagram
 * @s:		Stack
 * @in:		Set to its packet
 * @off:	Its data is this part of udp_data[]
 * @len:	Its length
 */
void guest_expect_udp(struct stack *s, struct guest_in *in, size_t off,
			 size_t len)
{
	assert_true(guest_wait(s, in));
	assert_int_equal(in->proto, IPPROTO_UDP);
	assert_false(in->is_frag);
	assert_int_equal(get16(in->l4 + 4), in->l4_len);
	assert_int_equal(in->l4_len, UDP_HLEN + len);
	assert_memory_equal(in->l4 + UDP_HLEN, udp_data + off, len);
}

/**
 * guest_expect_nothing() - The guest must get nothing more
 * @s:		Stack
 */
void guest_expect_nothing(struct stack *s)
{
	struct guest_in in;

	stack_settle(s);
	assert_false(guest_recv(s, &in));
}

/**
 * guest_collect() - Have the guest take joined or single datagrams
 * @s:		Stack
 * @size:	Length of each but the last
 * @total:	Length of all
 *
 * Return: frames they came in
 */
unsigned guest_collect(struct stack *s, size_t size, size_t total)
{
	struct guest_in in;
	unsigned frames = 0;
	size_t off = 0, len;

	while (off < total) {
		assert_true(guest_wait(s, &in));
		assert_false(in.is_frag);
		assert_int_equal(in.proto, IPPROTO_UDP);
		assert_int_equal(get16(in.l4 + 4), in.l4_len);
		len = in.l4_len - UDP_HLEN;
		if (in.gso_size)
			assert_int_equal(in.gso_size, size);
		else
			assert_int_equal(len, MIN(size, total - off));
		assert_true(len <= total - off);
		assert_memory_equal(in.l4 + UDP_HLEN, udp_data + off, len);
		off += len;
		frames++;
	}
	return frames;
}

/**
 * send_fragment() - Have the guest send a fragment
 * @s:		Stack
 * @d:		The whole datagram
 * @l4:		Its bytes, from the UDP header on
 * @off:	Offset of the fragment
 * @len:	Its length
 */
static void send_fragment(struct stack *s, const struct dgram *d,
			  const uint8_t *l4, size_t off, size_t len)
{
	static uint8_t buf[DATA_MAX];
	struct virtio_net_hdr_v1 vnet;
	struct guest_out out = {
		.src = &s->guest, .dst = &d->dst, .proto = IPPROTO_UDP,
		.full_csum = true, .l4 = buf, .len = len,
	};
	uint8_t frame[2048], *ip = frame + ETH_HLEN;
	bool more = off + len < UDP_HLEN + d->len;
	size_t n;

	if (s->v == V6) {
		out.proto = IPPROTO_FRAGMENT;
		put16(buf, IPPROTO_UDP << 8);
		put16(buf + 2, (uint16_t)(off | more));
		put32(buf + 4, 0x12345678);
		out.len += 8;
		memcpy(buf + 8, l4 + off, len);
	} else {
		memcpy(buf, l4 + off, len);
	}
	n = guest_build(s, &out, &vnet, frame);
	/* No checksum in a fragment but the datagram's own */
	memcpy(frame + n - len, l4 + off, len);
	if (s->v == V6)
		memcpy(frame + n - len - 8, buf, 8);
	if (s->v == V4) {
		put16(ip + 4, 0x4321);
		put16(ip + 6, (uint16_t)(off / 8 | (more ? 0x2000 : 0)));
		put16(ip + 10, 0);
		put16(ip + 10, guest_csum(0, ip, IPV4_HLEN));
	}
	memset(&vnet, 0, sizeof(vnet));
	assert_true(stack_push(s, &vnet, frame, n));
}

/**
 * guest_send_fragmented() - Have the guest send a datagram in fragments
 * @s:		Stack
 * @d:		Datagram
 */
void guest_send_fragmented(struct stack *s, const struct dgram *d)
{
	static uint8_t frame[FRAME_LEN_MAX + 64], l4[DATA_MAX];
	struct virtio_net_hdr_v1 vnet;
	struct guest_out out = {
		.src = &s->guest, .dst = &d->dst, .proto = IPPROTO_UDP,
		.full_csum = true, .l4 = l4, .len = UDP_HLEN + d->len,
	};
	size_t n, off, part;

	put16(l4, d->src_port ? d->src_port : GUEST_PORT);
	put16(l4 + 2, d->dst_port);
	put16(l4 + 4, (uint16_t)out.len);
	memcpy(l4 + UDP_HLEN, udp_data + d->off, d->len);
	n = guest_build(s, &out, &vnet, frame);
	memcpy(l4, frame + n - out.len, out.len);
	for (off = 0; off < out.len; off += part) {
		part = MIN(1200, out.len - off);
		send_fragment(s, d, l4, off, part);
	}
}

/**
 * guest_expect_fragmented() - The guest must get a datagram, maybe in fragments
 * @s:		Stack
 * @len:	Bytes of udp_data[] it consists of
 */
void guest_expect_fragmented(struct stack *s, size_t len)
{
	static uint8_t l4[DATA_MAX + UDP_HLEN];
	size_t off = 0, n, skip;
	struct guest_in in;
	bool more = true;

	while (more) {
		const uint8_t *p;

		assert_true(guest_wait(s, &in));
		p = in.frame + ETH_HLEN;
		skip = in.v == V6 && in.is_frag ? 8 : 0;
		n = in.l4_len - skip;
		more = in.v == V6 ? skip && in.l4[3] & 1 : p[6] & 0x20;
		if (in.v == V6 && skip)
			assert_int_equal(get16(in.l4 + 2) & 0xfff8, off);
		if (in.v == V4)
			assert_int_equal((get16(p + 6) & 0x1fff) * 8, off);
		assert_true(off + n <= UDP_HLEN + len);
		memcpy(l4 + off, in.l4 + skip, n);
		off += n;
	}
	assert_int_equal(off, UDP_HLEN + len);
	assert_int_equal(get16(l4 + 4), UDP_HLEN + len);
	assert_memory_equal(l4 + UDP_HLEN, udp_data, len);
}

/**
 * udp_open_flow() - Have the guest send a datagram that arrives
 * @s:		Stack
 * @dst:	Where to, NULL for the host's loopback
 * @fd:		Set to the socket of the host
 * @port:	Port wished for; set to that of the host
 *
 * Return: port of the flow's socket
 */
uint16_t udp_open_flow(struct stack *s, const struct addr *dst, int *fd,
			  uint16_t *port)
{
	struct dgram d = { .dst = dst ? *dst : s->host, .len = 10 };

	*fd = host_bind_udp(dst ? dst : &addr_loopback[s->v], port);
	d.dst_port = *port;
	guest_send_dgram(s, &d);
	return host_expect_udp(s, *fd, 0, 10);
}

/**
 * host_recv_hop() - TTL and TOS of a datagram that a host gets
 * @s:		Stack
 * @fd:		Socket of the host
 * @ttl:	Set to its TTL
 * @tos:	Set to its TOS
 */
void host_recv_hop(struct stack *s, int fd, int *ttl, int *tos)
{
	char control[256] __attribute__((aligned(8)));
	struct iovec iov = { udp_got, sizeof(udp_got) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;

	stack_settle(s);
	assert_true(host_wait(fd, POLLIN, HOST_WAIT_MS));
	assert_true(recvmsg(fd, &mh, MSG_DONTWAIT) >= 0);
	*ttl = *tos = -1;
	for (cmsg = CMSG_FIRSTHDR(&mh); cmsg; cmsg = CMSG_NXTHDR(&mh, cmsg)) {
		const uint8_t *p = CMSG_DATA(cmsg);

		if (cmsg->cmsg_level == IPPROTO_IP)
			*(cmsg->cmsg_type == IP_TTL ? ttl : tos) = *p;
		else
			*(cmsg->cmsg_type == IPV6_HOPLIMIT ? ttl : tos) = *p;
	}
}

/**
 * udp_teardown() - Have all flows time out, then check as stack_teardown()
 * @state:	The struct stack
 *
 * Return: 0
 */
int udp_teardown(void **state)
{
	struct stack *s = *state;

	if (!s->front)
		tap_mem_set_room(&s->c.tap, TAP_MEM_UNLIMITED);
	stack_advance(s, UDP_REPLIED_MS + 1000);
	assert_int_equal(flow_count(s->c.flows, FLOW_UDP), 0);
	/* But for the stack's own epoll instance */
	if (!s->front)
		assert_int_equal(fd_count(), s->fds + 1);
	return stack_teardown(state);
}

/**
 * udp_run_tests() - Run tests in a network namespace of their own
 * @tests:	The tests
 * @count:	How many
 *
 * Return: exit status; 0 as well if there can't be a namespace
 */
int udp_run_tests(const struct CMUnitTest *tests, size_t count)
{
	unsigned v;

	if (!own_netns_enter()) {
		puts("skipped: no network namespace to be had");
		return 0;
	}
	for (v = V4; v < IPVER_MAX; v++) {
		own_netns_add(udp_remote_text[v]);
		own_netns_add(udp_other_text[v]);
	}
	own_netns_allow_ping(true);
	udp_link = own_netns_add_link();
	pattern_fill(udp_data, 0, sizeof(udp_data));
	return _cmocka_run_group_tests("datagrams", tests, count, NULL, NULL);
}
