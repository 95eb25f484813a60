// SPDX-License-Identifier: BSD-3-Clause
/* model_peer.c - what the peers of the model host's sockets do
 *
 * Each function has something happen at a socket, and an event told of it;
 * what makes no sense in the state it is in does nothing. What the stack sees
 * of that is up to model.c.
 */

#include "model.h"

#define STREAM_MAX		(256U << 10)	/* Bytes that wait in a queue */

/**
 * model_complete() - Decide on a connection that is being made
 * @s:		Socket; others than such ones are left alone
 * @err:	0 if it is established, errno if it fails
 */
void model_complete(struct model_sock *s, int err)
{
	if (s->state != MODEL_CONNECTING)
		return;
	s->state = err ? MODEL_DEAD : MODEL_CONNECTED;
	s->error = err;
	s->fin |= err != 0;
	s->edge = true;
}

/**
 * model_write() - Have a peer send data
 * @s:		Socket
 * @len:	Bytes of the pattern
 */
void model_write(struct model_sock *s, uint32_t len)
{
	if (s->state != MODEL_CONNECTED || s->fin ||
	    s->queued + len > STREAM_MAX)
		return;
	s->queued += len;
	s->edge = true;
}

/**
 * model_end() - Have a peer end its direction, or the connection
 * @s:		Socket
 * @err:	0 for an orderly end, errno
 */
void model_end(struct model_sock *s, int err)
{
	if (s->state != MODEL_CONNECTED)
		return;
	s->fin = true;
	s->edge = true;
	if (err) {
		s->error = err;
		s->state = MODEL_DEAD;
	}
}

/**
 * model_set_room() - How much does a socket take from the guest?
 * @s:		Socket
 * @room:	Bytes, MODEL_ALL for any number
 */
void model_set_room(struct model_sock *s, uint32_t room)
{
	s->edge |= room > 0;
	s->room = room;
}

/**
 * model_client() - Have a client connect to a listener
 * @listener:	Listening socket
 */
void model_client(struct model_sock *listener)
{
	listener->queued++;
	listener->edge = true;
}

/**
 * model_dgram() - Have a datagram arrive
 * @s:		Socket
 * @d:		Datagram
 */
void model_dgram(struct model_sock *s, const struct model_dgram *d)
{
	if (s->in_count < MODEL_QUEUE)
		s->in[s->in_count++] = *d;
	s->edge = true;
}

/**
 * model_dgram_error() - Have an error arrive
 * @s:		Socket
 * @d:		Error
 */
void model_dgram_error(struct model_sock *s, const struct model_dgram *d)
{
	if (s->err_count < MODEL_QUEUE)
		s->errs[s->err_count++] = *d;
	s->edge = true;
}
