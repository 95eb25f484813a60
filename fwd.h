/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FWD_H
#define FWD_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct flow_side;

bool fwd_from_guest(const struct conf *conf, uint8_t proto,
		    const struct flow_side *guest, struct flow_side *host);

#endif /* FWD_H */
