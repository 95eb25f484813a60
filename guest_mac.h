/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_MAC_H
#define GUEST_MAC_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "util.h"

struct guest_macs;
struct tap;

struct guest_macs *guest_macs_new(void);
void guest_macs_forget(struct guest_macs *m);
void guest_mac_learn(struct guest_macs *m, const struct addr *a,
		     const uint8_t mac[static MAC_LEN]);
bool guest_macs_are_several(const struct guest_macs *m);
bool guest_macs_have(const struct guest_macs *m,
		     const uint8_t mac[static MAC_LEN]);
const uint8_t *guest_mac_of(const struct tap *tap, const struct addr *a);
bool guest_mac_is_known(struct guest_macs *m, const struct addr *a);
bool guest_mac_answers(struct guest_macs *m, const struct addr *a,
		       const uint8_t asker[static MAC_LEN]);

#endif /* GUEST_MAC_H */
