/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_TCP_H
#define GUEST_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"
#include "stack.h"

#define F_FIN			0x01
#define F_SYN			0x02
#define F_RST			0x04
#define F_PSH			0x08
#define F_ACK			0x10
#define F_URG			0x20

#define SEG_LEN_MAX		65535
#define SEG_OPT_MAX		40

/**
 * struct seg - a TCP segment; all in host byte order
 * @src_port:	Source port
 * @dst_port:	Destination port
 * @seq:	Sequence number
 * @ack:	Acknowledgment number
 * @flags:	F_FIN and so on
 * @wnd:	Window field as sent
 * @urg:	Urgent pointer
 * @doff:	Data offset in words; 0 to send the right one
 * @opt:	Options, padded to words
 * @opt_len:	Length of @opt
 * @mss:	Value of the MSS option, -1 if there is none
 * @wscale:	Value of the window scale option, -1 if there is none
 * @gso_size:	Payload of each segment, 0 if it is no GSO frame
 * @bad_csum:	Send it with a wrong checksum
 * @len:	Length of @data
 * @data:	Payload; NULL to send the pattern
 */
struct seg {
	uint16_t src_port;
	uint16_t dst_port;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	uint16_t wnd;
	uint16_t urg;
	uint8_t doff;
	uint8_t opt[SEG_OPT_MAX];
	size_t opt_len;
	int mss;
	int wscale;
	uint16_t gso_size;
	bool bad_csum;
	size_t len;
	const uint8_t *data;
};

/**
 * struct guest_tcp - the guest's end of a connection
 * @s:		Stack it talks to
 * @port:	The guest's port
 * @dst_port:	Port it connects to
 * @dst:	Address it connects to
 * @iss:	Initial sequence number, to be chosen before the SYN
 * @snd_nxt:	Next sequence number to be sent
 * @snd_una:	Oldest one not acknowledged
 * @irs:	Initial sequence number of the stack
 * @rcv_nxt:	Next one expected
 * @edge:	Right edge of the greatest window offered
 * @wnd:	Window field to send
 * @wscale:	Window scale to offer, -1 for none
 * @mss:	MSS to offer, -1 for none
 * @peer_wnd:	Window of the stack, scaled
 * @peer_wscale: Its window scale, -1 if it offered none
 * @peer_mss:	Its MSS, -1 if it offered none
 * @synced:	SYN received
 * @fin:	FIN received, in order
 * @reset:	RST received
 * @segs:	Segments received
 * @retrans:	Those whose data or FIN had been received before
 * @gaps:	Those whose data came too early
 * @probes:	Those beyond a window of zero
 * @count:	Bytes of data received in order
 */
struct guest_tcp {
	struct stack *s;
	uint16_t port;
	uint16_t dst_port;
	struct addr dst;
	uint32_t iss;
	uint32_t snd_nxt;
	uint32_t snd_una;
	uint32_t irs;
	uint32_t rcv_nxt;
	uint32_t edge;
	uint16_t wnd;
	int wscale;
	int mss;
	uint32_t peer_wnd;
	int peer_wscale;
	int peer_mss;
	bool synced;
	bool fin;
	bool reset;
	unsigned segs;
	unsigned retrans;
	unsigned gaps;
	unsigned probes;
	uint64_t count;
};

struct guest_tcp *guest_tcp_new(struct stack *s, uint16_t dst_port);
void guest_tcp_restart(struct guest_tcp *g, uint32_t iss);
size_t seg_build(const struct seg *seg, uint8_t *buf);
void seg_init(const struct guest_tcp *g, struct seg *seg, uint8_t flags);
void guest_tcp_put(struct guest_tcp *g, const struct seg *seg);
void guest_tcp_send(struct guest_tcp *g, uint8_t flags, size_t len);
void guest_tcp_send_at(struct guest_tcp *g, uint8_t flags, uint32_t seq,
		       size_t len);
void guest_tcp_ack(struct guest_tcp *g);
bool guest_tcp_recv(struct guest_tcp *g, struct seg *seg);
void guest_tcp_expect(struct guest_tcp *g, uint8_t flags, struct seg *seg);
void guest_tcp_expect_none(struct guest_tcp *g);
void guest_tcp_expect_acked(struct guest_tcp *g);
void guest_tcp_drain(struct guest_tcp *g);
int guest_tcp_connect(struct guest_tcp *g, int listener);
void guest_tcp_read(struct guest_tcp *g, uint64_t count);
void guest_tcp_upload(struct guest_tcp *g, int fd, size_t len);
void guest_tcp_download(struct guest_tcp *g, int fd, size_t len);
int32_t seq_diff(uint32_t a, uint32_t b);

#endif /* GUEST_TCP_H */
