/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TCP_SEQ_H
#define TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* Flags of a segment, as in the header: RFC 9293, 3.1 */
#define SEG_FIN			0x01
#define SEG_SYN			0x02
#define SEG_RST			0x04
#define SEG_PSH			0x08
#define SEG_ACK			0x10

/* Kinds and lengths of options: RFC 9293, 3.2; RFC 7323, 2.2 */
#define TCP_OPT_END		0
#define TCP_OPT_NOP		1
#define TCP_OPT_MSS		2
#define TCP_OPT_MSS_LEN		4
#define TCP_OPT_WSCALE		3
#define TCP_OPT_WSCALE_LEN	3
#define TCP_WSCALE_MAX		14

/* Comparison of sequence numbers, RFC 9293, 3.4 */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

#endif /* TCP_SEQ_H */
