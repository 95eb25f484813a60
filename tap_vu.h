/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_VU_H
#define TAP_VU_H

struct tap;

void tap_vu_init(struct tap *tap);
int tap_vu_attach(struct tap *tap, int fd);

#endif /* TAP_VU_H */
