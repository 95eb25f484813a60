/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FWD_SPEC_H
#define FWD_SPEC_H

#include <stddef.h>

struct conf;
struct fwd_rule;

int fwd_spec_parse(const char *spec, const struct fwd_rule *base,
		   struct fwd_rule *rules, unsigned max, const char **why);
unsigned fwd_spec_rules(const struct conf *conf, struct fwd_rule *rules,
			unsigned max);

#endif /* FWD_SPEC_H */
