// SPDX-License-Identifier: BSD-3-Clause
/* listen_stub.c - stands in for what is being written: to be removed */
#include <string.h>
#include "conf.h"
#include "flow.h"
#include "fwd.h"
#include "fwd_spec.h"
#include "listen.h"
#define WEAK __attribute__((weak))
WEAK int fwd_table_find(const struct fwd_table *t, const struct fwd_rule *rule)
{
	for (int i = 0; i < FWD_RULES_MAX; i++)
		if (t->rules[i].proto && !memcmp(&t->rules[i], rule, sizeof(*rule)))
			return i;
	return -1;
}
WEAK int fwd_table_add(struct fwd_table *t, const struct fwd_rule *rule)
{
	for (int i = 0; i < FWD_RULES_MAX; i++)
		if (!t->rules[i].proto) {
			t->rules[i] = *rule;
			return i;
		}
	return -1;
}
WEAK void fwd_table_remove(struct fwd_table *t, unsigned index)
{
	memset(&t->rules[index], 0, sizeof(t->rules[index]));
}
WEAK const char *fwd_rule_str(const struct fwd_rule *rule, char *buf, size_t size)
{
	(void)rule; (void)size;
	buf[0] = 0;
	return buf;
}
WEAK unsigned fwd_spec_rules(const struct conf *conf, struct fwd_rule *rules, unsigned max)
{
	(void)conf; (void)rules; (void)max;
	return 0;
}
WEAK bool fwd_from_socket(const struct conf *conf, const struct tap *tap,
		     const struct fwd_rule *rule, const struct flow_side *ini,
		     struct flow_side *tgt)
{
	(void)conf; (void)tap; (void)rule; (void)ini; (void)tgt;
	return false;
}
