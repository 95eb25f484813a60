/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_CONN_H
#define TCP_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "flow.h"
#include "tcp_ahead.h"
#include "tcp_batch.h"

struct pkt;

/* Internals of connections, for the files of TCP over the tap */
#define TCP_RTO_INIT_MS		1000	/* RFC 6298, 2.1 */

/* Facts of a connection, bits of tcp_conn.flags */
enum tcp_flag {
	CONN_CONNECTING	= 1 << 0,  /* The host's connect() isn't done */
	CONN_SYN_SENT	= 1 << 1,  /* Our SYN, or SYN,ACK, went to the guest */
	CONN_ESTABLISHED = 1 << 2, /* The guest acknowledged it */
	CONN_READABLE	= 1 << 3,  /* The socket may have data, or an end */
	CONN_HOST_FIN	= 1 << 4,  /* The socket was read to its end */
	CONN_FIN_SENT	= 1 << 5,  /* Our FIN was sent, at snd_max - 1 */
	CONN_FIN_ACKED	= 1 << 6,  /* The guest acknowledged it */
	CONN_GUEST_FIN	= 1 << 7,  /* The guest's FIN is in rcv_nxt */
	CONN_SHUT_WR	= 1 << 8,  /* The socket was told so */
	CONN_ACK_NOW	= 1 << 9,  /* The guest waits for acknowledgement */
	CONN_DIRTY	= 1 << 10, /* Listed for tcp_end_batch() */
	CONN_RECOVERY	= 1 << 11, /* Retransmitting, up to recover */
	CONN_PEEK_OFF	= 1 << 12, /* The socket keeps a peek offset */
	CONN_WSCALE	= 1 << 13, /* Both ends scale windows */
	CONN_INBOUND	= 1 << 14, /* Begun by the host, to the guest */
	CONN_HOST_URG	= 1 << 15, /* There was urgent data in the queue */
	CONN_HOST_EOF	= 1 << 16, /* Its end is there, and all before that */
	CONN_ACK_SOON	= 1 << 17, /* As CONN_ACK_NOW, or with the answer */
	CONN_BULK	= 1 << 18, /* The socket may queue much */
	CONN_HOST_ERR	= 1 << 19, /* The socket failed */
	CONN_WND_TOLD	= 1 << 20, /* To a guest in need, not heard since */
};

/**
 * struct tcp_conn - a TCP connection between guest and host
 * @f:		Common head of flows
 * @fd:		Socket on the host, -1 if it is closed
 * @flags:	enum tcp_flag
 * @iss:	Our initial sequence number
 * @snd_una:	First sequence number the guest hasn't acknowledged
 * @snd_nxt:	Next one to send
 * @snd_max:	Highest one ever sent, plus one
 * @sock_seq:	Sequence number of the first byte in the socket's queue
 * @recover:	snd_max as of the last retransmission
 * @snd_wnd:	Window of the guest, bytes
 * @snd_wl1:	Sequence number of the segment that told it
 * @snd_wl2:	Acknowledgement number of that segment
 * @peek_off:	Peek offset the socket is at
 * @rcv_nxt:	Next sequence number from the guest
 * @rcv_adv:	Right edge of the window told to the guest
 * @rcv_asked:	rcv_nxt when the socket was last asked for its room
 * @mss:	Payload of a segment to the guest, bytes
 * @snd_wscale:	Shift of windows from the guest
 * @rcv_wscale:	Shift of windows to the guest
 * @dup_acks:	Duplicate acknowledgements in a row
 * @retries:	Time-outs in a row
 * @hold_cost:	How many acknowledgements not to hold back, after one in vain
 * @hold_skip:	How many of these are left
 * @rto_ms:	Present retransmission time-out
 * @retry_ms:	When to retransmit or probe, 0 if nothing is outstanding
 * @active_ms:	When the guest was last heard
 * @looked_ms:	When @look_max was found out
 * @look_max:	How far to look into the socket's queue, bytes
 * @kept:	Data taken from the guest that the socket didn't
 * @ahead:	Data from the guest behind a gap
 * @challenges:	Answers to segments out of place that may be sent yet
 */
struct tcp_conn {
	struct flow f;
	int fd;
	uint32_t flags;
	uint32_t iss;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_max;
	uint32_t sock_seq;
	uint32_t recover;
	uint32_t snd_wnd;
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t peek_off;
	uint32_t rcv_nxt;
	uint32_t rcv_adv;
	uint32_t rcv_asked;
	uint16_t mss;
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	uint8_t dup_acks;
	uint8_t retries;
	uint8_t hold_cost;
	uint8_t hold_skip;
	uint32_t rto_ms;
	uint64_t retry_ms;
	uint64_t active_ms;
	uint64_t looked_ms;
	uint32_t look_max;
	struct tcp_kept kept;
	struct tcp_ahead ahead;
	struct rate challenges;
};

/**
 * struct tcp - what all connections share
 * @pool:	Room for data that sockets didn't take
 * @has_peek_off: The kernel offers SO_PEEK_OFF, per IP version
 * @batch:	What the present batch of frames has brought
 * @trash:	Where data is peeked to that the guest has already got
 */
struct tcp {
	struct tcp_pool pool;
	bool has_peek_off[IPVER_MAX];
	struct tcp_batch batch;
	char *trash;
};

/* tcp.c */
void tcp_reset(struct ctx *c, struct tcp_conn *conn);
void tcp_abort_host(struct ctx *c, struct tcp_conn *conn);
void tcp_close_if_done(struct ctx *c, struct tcp_conn *conn);
bool tcp_flush_kept(struct ctx *c, struct tcp_conn *conn);
void tcp_timer_update(struct ctx *c, struct tcp_conn *conn);
struct tcp_conn *tcp_new(struct ctx *c, const struct flow_side *guest,
			 const struct flow_side *host, uint32_t flags);
const struct flow_side *tcp_guest(const struct tcp_conn *conn);
const struct flow_side *tcp_host(const struct tcp_conn *conn);
int tcp_watch(struct ctx *c, struct tcp_conn *conn, int op);

/* tcp_out.c */
uint16_t tcp_link_mss(const struct ctx *c, enum ipver v);
int tcp_send_control(struct ctx *c, struct tcp_conn *conn, uint8_t flags);
int tcp_send_syn(struct ctx *c, struct tcp_conn *conn);
void tcp_send_data(struct ctx *c, struct tcp_conn *conn);
void tcp_send_ack(struct ctx *c, struct tcp_conn *conn);
void tcp_send_held_ack(struct ctx *c, struct tcp_conn *conn);
void tcp_send_probe(struct ctx *c, struct tcp_conn *conn);
void tcp_send_rst_to(struct ctx *c, const struct pkt *pkt, uint32_t seq,
		     uint32_t ack, uint8_t flags);
void tcp_retransmit(struct ctx *c, struct tcp_conn *conn);
bool tcp_window_is_wide(const struct ctx *c, const struct tcp_conn *conn);
void tcp_update_window(struct ctx *c, struct tcp_conn *conn);

#endif /* TCP_CONN_H */
