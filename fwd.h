/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FWD_H
#define FWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/if.h>

#include "addr.h"

struct conf;
struct flow_side;
struct tap;

#define FWD_RULES_MAX		512

/* Bits of fwd_rule.flags */
#define FWD_WEAK		(1U << 0) /* Skip what can't be bound */
#define FWD_SCAN		(1U << 1) /* Only if bound behind */
#define FWD_FREEBIND		(1U << 2) /* Address may come later */
#define FWD_IMPLIED		(1U << 3) /* UDP, following -t or -T */
#define FWD_V6ONLY		(1U << 4) /* Unset address means just :: */

/**
 * struct fwd_rule - ports to listen on, and where what comes in goes
 * @proto:	IPPROTO_TCP or IPPROTO_UDP
 * @from:	Where to listen: PLACE_HOST or PLACE_NS
 * @flags:	FWD_*
 * @listen:	Address to listen on, unset for any of both IP versions
 * @ifname:	Interface to listen on, "" for any
 * @first:	First port to listen on, host byte order
 * @last:	Last one
 * @target:	Address to go to, unset to have it chosen by fwd_from_socket()
 * @to_first:	Port that @first goes to, the others likewise
 */
struct fwd_rule {
	uint8_t proto;
	uint8_t from;
	uint8_t flags;
	struct addr listen;
	char ifname[IFNAMSIZ];
	uint16_t first;
	uint16_t last;
	struct addr target;
	uint16_t to_first;
};

/**
 * struct fwd_table - rules in force
 * @rules:	Rules, each at its index for as long as it is in force; a free
 *		one has no @proto
 */
struct fwd_table {
	struct fwd_rule rules[FWD_RULES_MAX];
};

#define FWD_RULE_STRLEN		256

unsigned fwd_rule_versions(const struct fwd_rule *r);
unsigned fwd_rule_covers(const struct fwd_rule *wide, const struct fwd_rule *r);
bool fwd_rule_collides(const struct fwd_rule *a, const struct fwd_rule *b);
bool fwd_table_covers(const struct fwd_table *t, const struct fwd_rule *rule);
int fwd_table_collides(const struct fwd_table *t, const struct fwd_rule *rule);
int fwd_table_find(const struct fwd_table *t, const struct fwd_rule *rule);
int fwd_table_add(struct fwd_table *t, const struct fwd_rule *rule);
void fwd_table_remove(struct fwd_table *t, unsigned index);
const char *fwd_rule_str(const struct fwd_rule *rule, char *buf, size_t size);

bool fwd_from_guest(const struct conf *conf, uint8_t proto,
		    const struct flow_side *guest, struct flow_side *host);
bool fwd_is_outdated(const struct tap *tap, const struct flow_side *guest);
bool fwd_from_socket(const struct conf *conf, const struct tap *tap,
		     const struct fwd_rule *rule, const struct flow_side *ini,
		     struct flow_side *tgt);

#endif /* FWD_H */
