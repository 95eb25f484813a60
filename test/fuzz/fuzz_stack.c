// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_stack.c - frames from the guest through the whole stack
 *
 * The input is a little program: the circumstances, then operations, each a
 * byte and what it takes. Packets are built with right lengths, checksums and
 * numbers of a connection that really exists, so that what lies deep is
 * reached; OP_PATCH spoils the next frame, with checksums made right again or
 * not, and OP_RAW sends anything. The other operations are those of the model
 * host, of time, and of the link to the guest.
 *
 * Besides memory errors, it is an error if a frame to the guest is malformed,
 * if it carries data that isn't the stream's, or an end in front of some of it,
 * if it acknowledges what wasn't sent, if the host gets bytes of a stream
 * wrong, twice or not at all (as long as no segment was spoilt), if events
 * don't come to an end, or if a descriptor, a flow or a buffer is left over.
 */

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/if_ether.h>

#include "fuzz.h"
#include "guest.h"
#include "guest_tcp.h"
#include "model.h"
#include "tcp_conn.h"

#define OPS_MAX			200
#define CONNS			4
#define PATCHES_MAX		6
#define PORT_GUEST		30000
#define PORT_HOST		1000
#define TCP_HLEN		20
#define UDP_HLEN		8

/* In an operation's byte: the loop doesn't turn after it */
#define OP_NO_TURN		0x80

enum op {
	OP_CONNECT, OP_SEGMENT, OP_ACK, OP_HOST_WRITE, OP_HOST_END,
	OP_HOST_ROOM, OP_COMPLETE, OP_TIME, OP_UDP, OP_HOST_UDP, OP_ECHO,
	OP_HOST_ECHO, OP_CLIENT, OP_LINK, OP_PATCH, OP_RAW, OP_FRAG, OP_FAIL,
	OP_ICMP, OP_ERROR, OP_ARP, OPS,
};

/**
 * struct conn - the guest's end of a TCP connection
 * @port:	The guest's port
 * @dst_port:	Port of the peer, 0 if there is no connection
 * @dst:	Its address
 * @iss:	Initial sequence number
 * @nxt:	Next sequence number
 * @max:	Highest one sent, plus one
 * @irs:	Initial sequence number of the stack, if @synced
 * @rcv_nxt:	Next one expected
 * @synced:	The stack's SYN was received
 */
struct conn {
	uint16_t port;
	uint16_t dst_port;
	struct addr dst;
	uint32_t iss;
	uint32_t nxt;
	uint32_t max;
	uint32_t irs;
	uint32_t rcv_nxt;
	bool synced;
};

/**
 * struct patch - how the next frame is spoilt
 * @count:	Bytes to change, 0 for none
 * @off:	Which ones: in the frame, or from 192 on in the offload header
 * @mask:	What to change of each
 * @cut:	Bytes cut off the end
 * @refix:	Have the checksums right again
 */
struct patch {
	unsigned count;
	uint8_t off[PATCHES_MAX];
	uint8_t mask[PATCHES_MAX];
	uint16_t cut;
	bool refix;
};

static struct conn conns[CONNS];
static unsigned connects;
static struct patch patch;
/* Something was sent that no TCP would send: streams can't be checked */
static bool is_wild;

/**
 * refix_ipv4() - Have the checksums of a frame right
 * @p:		IPv4 header
 * @len:	Bytes from there
 */
static void refix_ipv4(uint8_t *p, size_t len)
{
	static const uint8_t fields[256] = {
		[IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_ICMP] = 2,
	};
	size_t hlen = (p[0] & 15) * 4U, field;
	uint32_t sum = 0;

	if (len < IPV4_HLEN || hlen < IPV4_HLEN || hlen > len)
		return;
	put16(p + 10, 0);
	put16(p + 10, guest_csum(0, p, hlen));

	field = fields[p[9]];
	len = MIN(len, get16(p + 2));
	if (!field || len < hlen + field + 2)
		return;
	if (p[9] != IPPROTO_ICMP)
		sum = p[9] + (uint32_t)(len - hlen) +
		      (uint16_t)~guest_csum(0, p + 12, 8);
	put16(p + hlen + field, 0);
	put16(p + hlen + field, guest_csum(sum, p + hlen, len - hlen));
}

/**
 * refix_ipv6() - Have the checksum of a frame right
 * @p:		IPv6 header
 * @len:	Bytes from there
 */
static void refix_ipv6(uint8_t *p, size_t len)
{
	static const uint8_t fields[256] = {
		[IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_ICMPV6] = 2,
	};
	size_t field, l4_len;

	if (len < IPV6_HLEN)
		return;
	field = fields[p[6]];
	l4_len = MIN(len - IPV6_HLEN, get16(p + 4));
	if (!field || l4_len < field + 2)
		return;
	p += IPV6_HLEN;
	put16(p + field, 0);
	put16(p + field,
	      guest_csum(p[6 - IPV6_HLEN] + (uint32_t)l4_len +
			 (uint16_t)~guest_csum(0, p - 32, 32), p, l4_len));
}

/**
 * check_end() - An end that the guest is told must be behind all data
 * @s:		Stack
 * @in:		Segment with FIN
 * @len:	Bytes of the stream before it
 */
static void check_end(const struct stack *s, const struct guest_in *in,
		      uint32_t len)
{
	struct flow_side key = {
		.far = in->dst, .far_port = get16(in->l4 + 2),
		.near = in->src, .near_port = get16(in->l4),
		.place = PLACE_GUEST,
	};
	unsigned side;
	struct flow *f = flow_lookup(s->c.flows, IPPROTO_TCP, &key, &side);
	int fd = f ? container_of(f, struct tcp_conn, f)->fd : -1;

	if (fd >= 0)
		assert_int_equal(len, (uint32_t)model_stream_len(fd));
}

/**
 * take_tcp() - Check a segment to the guest, and note what it tells
 * @s:		Stack
 * @in:		Packet
 */
static void take_tcp(struct stack *s, const struct guest_in *in)
{
	struct conn *c = &conns[get16(in->l4 + 2) % CONNS];
	size_t hlen = (in->l4[12] >> 4) * 4U;
	uint32_t seq = get32(in->l4 + 4), ack = get32(in->l4 + 8);
	uint8_t flags = in->l4[13];

	assert_true(hlen >= TCP_HLEN && hlen <= in->l4_len);
	if (is_wild || get16(in->l4 + 2) != c->port ||
	    get16(in->l4) != c->dst_port || flags & F_RST)
		return;

	if (flags & F_SYN) {
		assert_int_equal(in->l4_len, hlen);
		assert_true(!c->synced || c->irs == seq);
		c->synced = true;
		c->irs = seq;
		if (seq_diff(seq + 1, c->rcv_nxt) > 0 || !c->rcv_nxt)
			c->rcv_nxt = seq + 1;
	}
	if (!c->synced)
		return;
	if (flags & F_ACK)
		assert_true(seq_diff(ack, c->iss) > 0 &&
			    seq_diff(ack, c->max) <= 0);
	pattern_check(in->l4 + hlen, (uint32_t)(seq - c->irs - 1),
		      in->l4_len - hlen);
	seq += (uint32_t)(in->l4_len - hlen);
	if (flags & F_FIN)
		check_end(s, in, seq++ - c->irs - 1);
	if (seq_diff(seq, c->rcv_nxt) > 0)
		c->rcv_nxt = seq;
}

/**
 * take_syn() - A connection begun by the host: it becomes the guest's first
 * @s:		Stack
 * @in:		Packet
 */
static void take_syn(struct stack *s, const struct guest_in *in)
{
	struct conn *c = &conns[0];

	(void)s;
	c->port = get16(in->l4 + 2);
	c->dst_port = get16(in->l4);
	c->dst = in->src;
	c->irs = get32(in->l4 + 4);
	c->rcv_nxt = c->irs + 1;
	c->iss = c->nxt = c->max = 0x70000000;
	c->synced = true;
}

/**
 * take() - Take a packet to the guest
 * @s:		Stack
 * @in:		Packet, checked
 */
static void take(struct stack *s, const struct guest_in *in)
{
	if (in->proto != IPPROTO_TCP || in->is_frag ||
	    in->ethertype == ETH_P_ARP)
		return;
	if ((in->l4[13] & (F_SYN | F_ACK)) == F_SYN)
		take_syn(s, in);
	else
		take_tcp(s, in);
}

/**
 * turn() - Have the loop turn until nothing happens
 * @s:		Stack
 */
static void turn(struct stack *s)
{
	stack_settle(s);
	fuzz_stack_drain(s, take);
}

/**
 * spoil() - Apply the patch to a frame
 * @vnet:	Its offload header
 * @frame:	Frame
 * @len:	Its length
 *
 * Return: its new length
 */
static size_t spoil(struct virtio_net_hdr_v1 *vnet, uint8_t *frame, size_t len)
{
	unsigned i;

	for (i = 0; i < patch.count; i++) {
		size_t off = patch.off[i];

		if (off >= 192)
			((uint8_t *)vnet)[off % sizeof(*vnet)] ^= patch.mask[i];
		else if (off < len)
			frame[off] ^= patch.mask[i];
	}
	len -= MIN(len, patch.cut);
	if (!patch.refix || len < ETH_HLEN)
		return len;

	vnet->flags = 0;
	if (get16(frame + 12) == ETH_P_IP)
		refix_ipv4(frame + ETH_HLEN, len - ETH_HLEN);
	else if (get16(frame + 12) == ETH_P_IPV6)
		refix_ipv6(frame + ETH_HLEN, len - ETH_HLEN);
	return len;
}

/**
 * emit() - Send a frame, spoilt if that was asked for
 * @s:		Stack
 * @vnet:	Its offload header
 * @frame:	Frame
 * @len:	Its length
 */
static void emit(struct stack *s, struct virtio_net_hdr_v1 *vnet,
		 uint8_t *frame, size_t len)
{
	bool is_patched = patch.count || patch.cut;

	if (is_patched) {
		turn(s);
		is_wild = true;
		model_checks_stream = false;
		len = spoil(vnet, frame, len);
	}
	tap_mem_push(&s->c.tap, vnet, frame, len);
	memset(&patch, 0, sizeof(patch));
	if (is_patched)
		turn(s);
}

/**
 * emit_packet() - Build a frame and send it
 * @s:		Stack
 * @out:	Packet
 */
static void emit_packet(struct stack *s, const struct guest_out *out)
{
	static uint8_t frame[FRAME_LEN_MAX];
	struct virtio_net_hdr_v1 vnet;

	emit(s, &vnet, frame, guest_build(s, out, &vnet, frame));
}

/**
 * emit_segment() - Send a segment of a connection
 * @s:		Stack
 * @c:		Connection
 * @seg:	Segment: flags, numbers, window, options and length are set
 */
static void emit_segment(struct stack *s, struct conn *c, struct seg *seg)
{
	static uint8_t buf[FRAME_LEN_MAX], data[SEG_LEN_MAX];
	struct guest_out out = {
		.src = &s->c.conf.ip[addr_version(&c->dst)].addr,
		.dst = &c->dst, .proto = IPPROTO_TCP,
		.gso_size = seg->gso_size, .bad_csum = seg->bad_csum,
		.l4 = buf,
	};
	uint32_t end = seg->seq + (uint32_t)seg->len +
		       !!(seg->flags & F_SYN) + !!(seg->flags & F_FIN);

	bool is_first = c->max == c->iss && seg->seq == c->iss && !c->synced;

	/* A segment that ends a stream elsewhere than others did, or whose
	 * data comes before its start: no TCP would send these. A SYN sent
	 * again may be a new connection to the stack by now.
	 */
	if (seg->flags & (F_FIN | F_URG) || seq_diff(seg->seq, c->iss) < 0 ||
	    (seg->flags & F_SYN && !is_first)) {
		if (seg->flags & F_SYN || seq_diff(seg->seq, c->iss) < 0)
			is_wild = true;
		if (seg->flags & ~(F_FIN | F_ACK | F_PSH) ||
		    seg->seq != c->max)
			model_checks_stream = false;
	}
	seg->src_port = c->port;
	seg->dst_port = c->dst_port;
	pattern_fill(data, (uint32_t)(seg->seq - c->iss - 1), seg->len);
	seg->data = data;
	out.len = seg_build(seg, buf);
	if (seq_diff(end, c->max) > 0)
		c->max = end;
	emit_packet(s, &out);
}

/**
 * op_connect() - The guest begins a connection
 */
static void op_connect(struct stack *s, struct fuzz_in *in)
{
	uint8_t which = fuzz_u8(in), options = fuzz_u8(in);
	struct conn *c = &conns[which % CONNS];
	struct seg seg = { .flags = F_SYN, .wnd = 65535 };

	/* From a new port, or again; or from the old one, as only a guest does
	 * that forgot about it
	 */
	if (!(which & 0x80) || !c->dst_port) {
		uint16_t port = c->port;

		if (c->dst_port && which & 0x20) {
			is_wild = true;
			model_checks_stream = false;
		} else {
			port = (uint16_t)(PORT_GUEST + ++connects * CONNS +
					  which % CONNS);
		}
		memset(c, 0, sizeof(*c));
		c->port = port;
		c->dst_port = (uint16_t)(PORT_HOST + (which >> 2) % 8);
		c->dst = s->host;
		if (which & 0x40)
			c->dst.a6.s6_addr[15] ^= 0x10;
		c->iss = options & 0x80 ? 0xffffff00 : 0x1000;
		c->max = c->iss;
	}
	c->nxt = c->iss + 1;
	seg.seq = c->iss;
	if (options & 1) {
		memcpy(seg.opt, "\x02\x04", 2);
		put16(seg.opt + 2, options & 2 ? 100 : 1460);
		seg.opt_len = 4;
	}
	if (options & 4) {
		memcpy(seg.opt + seg.opt_len, "\x01\x03\x03", 3);
		seg.opt[seg.opt_len + 3] = (options >> 3) & 15;
		seg.opt_len += 4;
	}
	emit_segment(s, c, &seg);
}

/**
 * op_segment() - The guest sends a segment
 */
static void op_segment(struct stack *s, struct fuzz_in *in)
{
	uint8_t which = fuzz_u8(in), flags = fuzz_u8(in);
	int8_t back = (int8_t)fuzz_u8(in), acked = (int8_t)fuzz_u8(in);
	struct conn *c = &conns[which % CONNS];
	struct seg seg = { .flags = flags & 63, .mss = -1 };

	seg.len = fuzz_len(in);
	seg.wnd = (uint16_t)(fuzz_u8(in) * 257U);
	seg.seq = c->nxt + (uint32_t)(back * (which & 4 ? 97 : 1));
	seg.ack = c->rcv_nxt + (uint32_t)(acked * (which & 8 ? 97 : 1));
	seg.bad_csum = (flags & 0xc0) == 0xc0;
	if (which & 16 && seg.len > 200 && s->var->offload)
		seg.gso_size = 200;
	else if (!(which & 32))
		seg.len = MIN(seg.len, 1400);
	if (which & 64)
		seg.urg = 1;
	emit_segment(s, c, &seg);
	/* In order, as the next segment goes on from there */
	if (!back && !seg.bad_csum)
		c->nxt += (uint32_t)seg.len + !!(flags & F_FIN);
}

/**
 * op_ack() - The guest acknowledges what it got
 */
static void op_ack(struct stack *s, struct fuzz_in *in)
{
	uint8_t which = fuzz_u8(in);
	struct conn *c = &conns[which % CONNS];
	struct seg seg = {
		.flags = F_ACK, .seq = c->nxt, .ack = c->rcv_nxt,
		.wnd = which & 0x80 ? 0 : (uint16_t)(which * 500U),
	};

	emit_segment(s, c, &seg);
}

/**
 * op_host_write() - A peer sends data
 */
static void op_host_write(struct stack *s, struct fuzz_in *in)
{
	uint8_t which = fuzz_u8(in);
	struct model_sock *sock = model_pick(SOCK_STREAM, false, which & 15);
	uint32_t len = (uint32_t)fuzz_len(in) << ((which >> 4) & 3);

	(void)s;
	if (sock)
		model_write(sock, len);
}

/**
 * op_host_end() - A peer closes, or fails
 */
static void op_host_end(struct stack *s, struct fuzz_in *in)
{
	static const int errors[] = { 0, ECONNRESET, ETIMEDOUT, EHOSTUNREACH };
	uint8_t which = fuzz_u8(in);
	struct model_sock *sock = model_pick(SOCK_STREAM, false, which & 15);

	(void)s;
	if (sock)
		model_end(sock, errors[(which >> 4) % ARRAY_SIZE(errors)]);
}

/**
 * op_host_room() - A peer takes so much, then no more
 */
static void op_host_room(struct stack *s, struct fuzz_in *in)
{
	uint8_t which = fuzz_u8(in);
	struct model_sock *sock = model_pick(SOCK_STREAM, false, which & 15);
	uint32_t room = (uint32_t)fuzz_len(in) << ((which >> 4) & 7);

	(void)s;
	if (sock)
		model_set_room(sock, which & 0x80 ? MODEL_ALL : room);
}

/**
 * op_complete() - A peer decides on a connection
 */
static void op_complete(struct stack *s, struct fuzz_in *in)
{
	static const int errors[] = { 0, ECONNREFUSED, ETIMEDOUT, EACCES };
	uint8_t which = fuzz_u8(in);
	struct model_sock *sock = model_pick(SOCK_STREAM, false, which & 15);

	(void)s;
	if (sock)
		model_complete(sock, errors[(which >> 4) % ARRAY_SIZE(errors)]);
}

/**
 * op_time() - Time passes: up to 2 s in small steps, up to 17 min in large ones
 */
static void op_time(struct stack *s, struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	stack_advance(s, b & 0x80 ? (b & 0x7fU) * 8000U : b * 16U);
}

/**
 * emit_udp() - Send a datagram, or a fragment of one
 * @s:		Stack
 * @ports:	Which ports
 * @len:	Payload
 * @out:	Packet, the rest of it is set
 */
static void emit_udp(struct stack *s, uint8_t ports, size_t len,
		     struct guest_out *out)
{
	static const uint16_t special[] = { 53, 67, 547, 1003 };
	static uint8_t l4[FRAME_LEN_MAX];
	uint16_t port = (uint16_t)(PORT_HOST + (ports & 3));

	if (ports & 0x80)
		port = special[ports & 3];
	put16(l4, (uint16_t)(PORT_GUEST + ((ports >> 2) & 3)));
	put16(l4 + 2, port);
	put16(l4 + 4, (uint16_t)(UDP_HLEN + len));
	put16(l4 + 6, 0);
	pattern_fill(l4 + UDP_HLEN, 0, len);
	out->proto = IPPROTO_UDP;
	out->l4 = l4;
	out->len = UDP_HLEN + len;
	emit_packet(s, out);
}

/**
 * guest_addrs() - Source and destination of a packet of the guest
 * @s:		Stack
 * @which:	Which ones
 * @dst:	Destination to be set
 */
static void guest_addrs(const struct stack *s, uint8_t which, struct addr *dst)
{
	*dst = s->host;
	if (which & 1)
		dst->a6.s6_addr[15] ^= 0x20;
	if ((which & 6) == 6 && s->v == V4)
		memset(dst->a6.s6_addr + 12, 0xff, 4);
	else if ((which & 6) == 2)
		memcpy(dst->a6.s6_addr + (s->v == V4 ? 12 : 0),
		       s->v == V4 ? "\xef\1\1\1" : "\xff\2\0\0", 4);
}

/**
 * op_udp() - The guest sends a datagram, or several joined
 */
static void op_udp(struct stack *s, struct fuzz_in *in)
{
	uint8_t ports = fuzz_u8(in), how = fuzz_u8(in);
	size_t len = fuzz_len(in);
	struct addr dst;
	struct guest_out out = {
		.src = &s->guest, .dst = &dst, .ttl = how & 8 ? 1 : 0,
		.tos = how & 16 ? 0x2e : 0,
	};

	guest_addrs(s, how, &dst);
	if (how & 0x40 && s->var->offload)
		out.gso_size = (uint16_t)(1 + (how & 7) * 100U);
	else if (s->v == V4)
		len = MIN(len, 1400);
	emit_udp(s, ports, len, &out);
}

/**
 * some_dgram() - A datagram or an error of the host
 * @s:		Stack
 * @in:		Input
 *
 * Return: it
 */
static struct model_dgram some_dgram(const struct stack *s, struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);
	struct model_dgram d = {
		.src = addr_loopback[s->v], .len = (uint16_t)fuzz_len(in),
		.port = (uint16_t)(PORT_HOST + (how & 3)),
		.ttl = how & 4 ? 0 : 64, .tos = how & 8 ? 0xff : 0,
	};

	if (how & 16)
		d.src.a6.s6_addr[15] = 9;
	if (how & 32)
		d.gso_size = (uint16_t)(1U + (how & 15) * 90U);
	if (how & 64)
		d.len = (uint16_t)(d.len * 8U);
	return d;
}

/**
 * op_host_udp() - A datagram arrives at a socket, or at a listener
 */
static void op_host_udp(struct stack *s, struct fuzz_in *in)
{
	struct model_sock *sock = model_pick(SOCK_DGRAM, false, fuzz_u8(in));
	struct model_dgram d = some_dgram(s, in);

	d.seq = fuzz_u8(in);
	if (sock)
		model_dgram(sock, &d);
}

/**
 * op_error() - An ICMP error arrives at a socket, or just an error
 */
static void op_error(struct stack *s, struct fuzz_in *in)
{
	static const int errors[] = {
		ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, EPROTO,
		EACCES, ENOBUFS, EPERM,
	};
	uint8_t which = fuzz_u8(in), how;
	struct model_sock *sock = model_pick(SOCK_DGRAM, false, which & 15);
	struct model_dgram d = some_dgram(s, in);

	how = fuzz_u8(in);
	d.err = errors[how % ARRAY_SIZE(errors)];
	d.type = (uint8_t)(how >> 4);
	d.code = fuzz_u8(in);
	d.mtu = fuzz_u8(in) * 97U;
	if (!sock)
		return;
	if (which & 0x80)
		sock->error = d.err;
	else
		model_dgram_error(sock, &d);
}

/**
 * op_echo() - The guest sends an echo request
 */
static void op_echo(struct stack *s, struct fuzz_in *in)
{
	static uint8_t l4[8192];
	uint8_t how = fuzz_u8(in);
	struct addr dst;
	struct guest_out out = {
		.src = &s->guest, .dst = &dst, .l4 = l4,
		.proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.ttl = how & 8 ? 1 : 0, .len = 8 + fuzz_len(in),
	};

	out.len = MIN(out.len, 1400);
	guest_addrs(s, how, &dst);
	memset(l4, 0, 8);
	l4[0] = s->v == V4 ? 8 : 128;
	put16(l4 + 4, how >> 6);
	put16(l4 + 6, fuzz_u8(in));
	pattern_fill(l4 + 8, 0, out.len - 8);
	emit_packet(s, &out);
}

/**
 * op_icmp() - The guest sends any ICMP message
 */
static void op_icmp(struct stack *s, struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in), len = fuzz_u8(in);
	struct addr dst;
	struct guest_out out = {
		.src = &s->guest, .dst = &dst, .l4 = in->p,
		.proto = s->v == V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		.ttl = how & 8 ? 255 : 0, .len = MIN(len, in->len),
	};

	guest_addrs(s, how, &dst);
	emit_packet(s, &out);
	in->p += out.len;
	in->len -= out.len;
}

/**
 * op_arp() - The guest sends ARP
 */
static void op_arp(struct stack *s, struct fuzz_in *in)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	struct virtio_net_hdr_v1 vnet = { 0 };
	uint8_t frame[64] = { 0 }, op = fuzz_u8(in);

	memset(frame, 0xff, MAC_LEN);
	memcpy(frame + MAC_LEN, s->c.conf.ns_mac, MAC_LEN);
	put16(frame + 12, ETH_P_ARP);
	memcpy(frame + 14, head, sizeof(head));
	frame[21] = op & 3;
	memcpy(frame + 22, s->c.conf.ns_mac, MAC_LEN);
	memcpy(frame + 28, s->c.conf.ip[V4].addr.a6.s6_addr + 12, 4);
	memcpy(frame + 38, s->c.conf.ip[V4].gw.a6.s6_addr + 12, 4);
	frame[41] ^= op >> 4;
	emit(s, &vnet, frame, 42);
}

/**
 * op_client() - A client connects to a listener
 */
static void op_client(struct stack *s, struct fuzz_in *in)
{
	struct model_sock *l = model_pick(SOCK_STREAM, true, fuzz_u8(in));

	(void)s;
	if (l)
		model_client(l);
}

/**
 * op_link() - The link to the guest becomes full, or loses frames
 */
static void op_link(struct stack *s, struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	if (b & 0x80)
		tap_mem_lose(&s->c.tap, b & 7);
	else
		tap_mem_set_room(&s->c.tap, b & 0x40 ? TAP_MEM_UNLIMITED : b);
}

/**
 * op_patch() - Spoil the next frame
 */
static void op_patch(struct stack *s, struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);
	unsigned i;

	(void)s;
	patch.count = how % (PATCHES_MAX + 1);
	patch.refix = how & 0x80;
	patch.cut = how & 0x40 ? fuzz_u8(in) : 0;
	for (i = 0; i < patch.count; i++) {
		patch.off[i] = fuzz_u8(in);
		patch.mask[i] = fuzz_u8(in);
	}
}

/**
 * op_raw() - The guest sends a frame of any content
 */
static void op_raw(struct stack *s, struct fuzz_in *in)
{
	static uint8_t frame[256];
	struct virtio_net_hdr_v1 vnet = { 0 };
	uint8_t how = fuzz_u8(in);
	size_t len = fuzz_u8(in), off = 0;

	len = MIN(len, in->len);
	memset(frame, 0, sizeof(frame));
	if (how & 1) {
		memcpy(frame, s->c.tap.our_mac, MAC_LEN);
		memcpy(frame + MAC_LEN, s->c.conf.ns_mac, MAC_LEN);
		put16(frame + 12, how & 2 ? ETH_P_IP : ETH_P_IPV6);
		off = ETH_HLEN;
		len = MIN(len, sizeof(frame) - off);
	}
	memcpy(frame + off, in->p, len);
	in->p += len;
	in->len -= len;
	patch.count = patch.count ? patch.count : 1;
	patch.refix |= (how & 4) != 0;
	emit(s, &vnet, frame, off + len);
}

/**
 * op_frag() - The guest sends a fragment of a datagram
 */
static void op_frag(struct stack *s, struct fuzz_in *in)
{
	static uint8_t l4[2048];
	uint8_t how = fuzz_u8(in), id = fuzz_u8(in), off = fuzz_u8(in);
	size_t len = fuzz_len(in) & 0x7ff, head = s->v == V4 ? 0 : 8;
	struct virtio_net_hdr_v1 vnet = { 0 };
	static uint8_t frame[FRAME_LEN_MAX];
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .l4 = l4,
		.proto = s->v == V4 ? IPPROTO_UDP : IPPROTO_FRAGMENT,
	};
	uint16_t field;

	len = MIN(len, sizeof(l4) - head);
	memset(l4, 0, sizeof(l4));
	if (!off && len >= UDP_HLEN) {
		put16(l4 + head, PORT_GUEST);
		put16(l4 + head + 2, PORT_HOST);
		put16(l4 + head + 4, (uint16_t)(id * 16U));
	}
	field = (uint16_t)(off * (how & 2 ? 64U : 1U));
	if (s->v == V6) {
		l4[0] = IPPROTO_UDP;
		put16(l4 + 2, (uint16_t)(field << 3 | (how & 1)));
		put32(l4 + 4, id & 7U);
	}
	out.len = head + len;
	len = guest_build(s, &out, &vnet, frame);
	memset(&vnet, 0, sizeof(vnet));
	if (s->v == V4) {
		put16(frame + ETH_HLEN + 4, id & 7U);
		put16(frame + ETH_HLEN + 6,
		      (uint16_t)((field & 0x1fff) | (how & 1) << 13));
		put16(frame + ETH_HLEN + 10, 0);
		put16(frame + ETH_HLEN + 10,
		      guest_csum(0, frame + ETH_HLEN, IPV4_HLEN));
	}
	emit(s, &vnet, frame, len);
}

/**
 * op_fail() - A call of the host fails, or gets less than there is
 */
static void op_fail(struct stack *s, struct fuzz_in *in)
{
	static const int errors[] = {
		EAGAIN, ENOBUFS, EMFILE, ENOMEM, EINTR, ECONNRESET, EPERM,
		EMSGSIZE,
	};
	uint8_t which = fuzz_u8(in), err = fuzz_u8(in);

	(void)s;
	which %= MODEL_CALLS;
	if (which == MODEL_RECV && err & 8)
		model_fail(MODEL_SHORT, err >> 4, 1 << (err & 7) * 2);
	else
		model_fail(which, err >> 4, errors[err % ARRAY_SIZE(errors)]);
}

static void (*const ops[OPS])(struct stack *s, struct fuzz_in *in) = {
	[OP_CONNECT] = op_connect, [OP_SEGMENT] = op_segment,
	[OP_ACK] = op_ack, [OP_HOST_WRITE] = op_host_write,
	[OP_HOST_END] = op_host_end, [OP_HOST_ROOM] = op_host_room,
	[OP_COMPLETE] = op_complete, [OP_TIME] = op_time, [OP_UDP] = op_udp,
	[OP_HOST_UDP] = op_host_udp, [OP_ECHO] = op_echo,
	[OP_HOST_ECHO] = op_host_udp, [OP_CLIENT] = op_client,
	[OP_LINK] = op_link, [OP_PATCH] = op_patch, [OP_RAW] = op_raw,
	[OP_FRAG] = op_frag, [OP_FAIL] = op_fail, [OP_ICMP] = op_icmp,
	[OP_ERROR] = op_error, [OP_ARP] = op_arp,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct stack *s = fuzz_stack_start(fuzz_u8(&in));
	unsigned i;

	memset(conns, 0, sizeof(conns));
	memset(&patch, 0, sizeof(patch));
	for (i = 0; i < CONNS; i++) {
		conns[i].port = (uint16_t)(PORT_GUEST + i);
		conns[i].dst = s->host;
	}
	is_wild = false;
	connects = 0;

	for (i = 0; in.len && i < OPS_MAX; i++) {
		uint8_t op = fuzz_u8(&in);

		ops[(op & 0x7f) % OPS](s, &in);
		if (!(op & OP_NO_TURN))
			turn(s);
	}
	turn(s);
	fuzz_stack_end(s);
	return 0;
}
