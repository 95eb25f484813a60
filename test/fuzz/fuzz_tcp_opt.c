// SPDX-License-Identifier: BSD-3-Clause
/* fuzz_tcp_opt.c - options of a guest's SYN
 *
 * The input is a byte that chooses circumstances and the data offset, and the
 * options. The stack has to answer, and what it makes of MSS and window scale
 * is compared with what another parser, here, makes of them: the MSS shows in
 * the longest segment, the window scale in whether it offers one itself.
 */

#include <string.h>
#include <netinet/in.h>

#include "fuzz.h"
#include "guest.h"
#include "guest_tcp.h"
#include "model.h"

#define TCP_HLEN		20
#define PORT_GUEST		30000
#define PORT_HOST		1000	/* Accepts */
#define ISS			0x1000
#define MSS_MIN			48

static size_t longest;
static uint32_t irs;
static bool is_answered, is_reset;
static int peer_wscale;

/**
 * wants() - What options ask for
 * @p:		Options
 * @len:	Bytes of them
 * @mss:	Set to the MSS, -1 if there is none
 * @wscale:	Set to the window scale likewise
 *
 * Source: RFC 9293, 3.2
 */
static void wants(const uint8_t *p, size_t len, int *mss, int *wscale)
{
	*mss = *wscale = -1;
	while (len && p[0]) {
		size_t n = p[0] == 1 ? 1 : len > 1 ? p[1] : 0;

		if (!n || (p[0] != 1 && n < 2) || n > len)
			return;
		if (p[0] == 2 && n == 4)
			*mss = get16(p + 2);
		if (p[0] == 3 && n == 3)
			*wscale = p[2];
		p += n;
		len -= n;
	}
}

/**
 * take() - Take a segment to the guest
 */
static void take(struct stack *s, const struct guest_in *in)
{
	const uint8_t *p = in->l4;
	size_t hlen, len;
	int mss;

	(void)s;
	if (in->proto != IPPROTO_TCP)
		return;
	hlen = (p[12] >> 4) * 4U;
	assert_true(hlen >= TCP_HLEN && hlen <= in->l4_len);
	is_reset |= p[13] & F_RST;
	if (p[13] & F_SYN) {
		is_answered = true;
		irs = get32(p + 4);
		assert_int_equal(get32(p + 8), ISS + 1);
		wants(p + TCP_HLEN, hlen - TCP_HLEN, &mss, &peer_wscale);
		assert_true(mss > 0);
		return;
	}
	len = in->l4_len - hlen;
	longest = MAX(longest, in->gso_size ? in->gso_size : len);
}

/**
 * send_segment() - Send a segment of the guest
 * @s:		Stack
 * @seg:	Segment, without ports
 */
static void send_segment(struct stack *s, struct seg *seg)
{
	uint8_t l4[TCP_HLEN + SEG_OPT_MAX];
	struct guest_out out = {
		.src = &s->guest, .dst = &s->host, .proto = IPPROTO_TCP,
		.l4 = l4,
	};

	seg->src_port = PORT_GUEST;
	seg->dst_port = PORT_HOST;
	seg->wnd = 65535;
	out.len = seg_build(seg, l4);
	guest_send(s, &out);
	stack_settle(s);
	fuzz_stack_drain(s, take);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct stack *s = fuzz_stack_start(how);
	struct seg syn = { .seq = ISS, .flags = F_SYN };
	struct seg ack = { .seq = ISS + 1, .flags = F_ACK };
	struct model_sock *sock;
	int mss, wscale;

	is_answered = is_reset = false;
	longest = 0;
	syn.opt_len = MIN(in.len, SEG_OPT_MAX) & ~3U;
	memcpy(syn.opt, in.p, syn.opt_len);
	wants(syn.opt, syn.opt_len, &mss, &wscale);
	send_segment(s, &syn);
	assert_true(is_answered && !is_reset);
	assert_int_equal(peer_wscale >= 0, wscale >= 0);

	ack.ack = irs + 1;
	send_segment(s, &ack);
	sock = model_pick(SOCK_STREAM, false, 0);
	assert_non_null(sock);
	model_write(sock, 30000);
	stack_settle(s);
	fuzz_stack_drain(s, take);
	assert_true(longest > 0 && !is_reset);
	/* Without a value: RFC 9293, 3.7.1; tiny ones are lifted */
	if (mss <= 0)
		mss = s->v == V4 ? 536 : 1220;
	assert_true(longest <= (size_t)MAX(mss, MSS_MIN));
	fuzz_stack_end(s);
	return 0;
}
