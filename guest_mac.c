// SPDX-License-Identifier: BSD-3-Clause
/* guest_mac.c - which MAC address has which IP address on the guest's link
 *
 * A guest may have machines of its own behind a bridge, or containers with MAC
 * addresses of their own. As on any Ethernet, what is for an IP address goes to
 * the MAC address that has sent from there last. What is for an IP address that
 * nothing has come from goes to the MAC address heard last of all, in struct
 * tap, and so does everything as long as there was only one.
 *
 * ARP and neighbour discovery, arp.c and ndp.c, leave it to these machines to
 * answer for their addresses.
 *
 * Nothing gets old in here. An IP address that has got another MAC address, and
 * has not sent since, is found by link_ask_who_has() once it doesn't answer.
 *
 * So one of these machines gets what is for another only if it sends with that
 * one's IP address, or with so many others that that one is forgotten.
 *
 * The table is of a fixed size, allocated at start. Each IP address belongs to
 * one of its rows, by a keyed hash, where those heard last come first, and push
 * out the one heard least recently: some hundred addresses hardly ever do that.
 * There is nothing to be cleared up but when the guest goes.
 *
 * MAC addresses are kept in a second one of that kind: no neighbour of the host
 * is to be shown by one of them, see neigh_mac().
 */

#include <stdlib.h>
#include <string.h>

#include "guest_mac.h"
#include "log.h"
#include "siphash.h"
#include "tap.h"

#define ROWS		128
#define ROW_LEN		8

/**
 * struct owner - who has an IP address
 * @addr:	IP address, unset if there is none
 * @mac:	MAC address
 * @asked:	Another one was to get its answer from there, see
 *		guest_mac_answers(), and nothing was heard since
 */
struct owner {
	struct addr addr;
	uint8_t mac[MAC_LEN];
	bool asked;
};

/**
 * struct guest_macs - the table
 * @key:	Key of the hash
 * @first:	First MAC address heard, if @last is set for any IP version
 * @several:	There was another one
 * @last:	Who was heard last, for each IP version; NULL if nobody was
 * @rows:	Who has which IP address, each row from who was heard last on
 * @macs:	MAC addresses they were heard from, in the same way; zeroes for
 *		none
 */
struct guest_macs {
	struct siphash_key key;
	uint8_t first[MAC_LEN];
	bool several;
	struct owner *last[IPVER_MAX];
	struct owner rows[ROWS][ROW_LEN];
	uint8_t macs[ROWS][ROW_LEN][MAC_LEN];
};

/**
 * guest_macs_new() - Make an empty table, at start-up
 *
 * Return: table; ends the program if there is no memory
 */
struct guest_macs *guest_macs_new(void)
{
	struct guest_macs *m = calloc(1, sizeof(*m));

	if (!m)
		die("No memory for the guest's MAC addresses");
	util_random(&m->key, sizeof(m->key));
	return m;
}

/**
 * guest_macs_forget() - The guest is gone: empty the table
 * @m:		Table
 */
void guest_macs_forget(struct guest_macs *m)
{
	struct siphash_key key = m->key;

	memset(m, 0, sizeof(*m));
	m->key = key;
}

/**
 * row_of() - Where an IP address is in the table, if it is
 * @m:		Table
 * @a:		IP address
 *
 * Return: index of its row
 */
static size_t row_of(const struct guest_macs *m, const struct addr *a)
{
	return siphash(&m->key, a, sizeof(*a)) % ROWS;
}

/**
 * find() - Find who has an IP address
 * @m:		Table
 * @a:		IP address
 *
 * Return: entry, NULL if it isn't known
 */
static struct owner *find(struct guest_macs *m, const struct addr *a)
{
	struct owner *row = m->rows[row_of(m, a)];
	size_t i;

	for (i = 0; i < ROW_LEN; i++)
		if (addr_is_equal(&row[i].addr, a))
			return &row[i];
	return NULL;
}

/**
 * mac_row_of() - Where a MAC address is among those heard, if it is
 * @m:		Table
 * @mac:	MAC address
 *
 * Return: index of its row
 */
static size_t mac_row_of(const struct guest_macs *m, const uint8_t *mac)
{
	return siphash(&m->key, mac, MAC_LEN) % ROWS;
}

/**
 * learn_mac() - Note that a MAC address was heard
 * @m:		Table
 * @mac:	MAC address of one machine
 */
static void learn_mac(struct guest_macs *m, const uint8_t *mac)
{
	uint8_t (*row)[MAC_LEN] = m->macs[mac_row_of(m, mac)];
	size_t i;

	for (i = 0; i < ROW_LEN - 1 && memcmp(row[i], mac, MAC_LEN) != 0; i++)
		;
	memmove(row + 1, row, i * sizeof(*row));
	memcpy(row, mac, MAC_LEN);
}

/**
 * guest_mac_learn() - Note who has sent from an IP address
 * @m:		Table, NULL for none
 * @a:		IP address of one machine
 * @mac:	Its MAC address
 */
void guest_mac_learn(struct guest_macs *m, const struct addr *a,
		     const uint8_t mac[static MAC_LEN])
{
	enum ipver v = addr_version(a);
	struct owner *o, *row;
	size_t i;

	if (!m)
		return;
	/* Mostly the same one as before, and first in its row yet */
	o = m->last[v];
	if (o && addr_is_equal(&o->addr, a) && !o->asked &&
	    !memcmp(o->mac, mac, MAC_LEN))
		return;

	if (!m->last[V4] && !m->last[V6])
		memcpy(m->first, mac, MAC_LEN);
	else if (memcmp(m->first, mac, MAC_LEN) != 0)
		m->several = true;
	learn_mac(m, mac);

	row = m->rows[row_of(m, a)];
	for (i = 0; i < ROW_LEN - 1 && !addr_is_equal(&row[i].addr, a); i++)
		;
	memmove(row + 1, row, i * sizeof(*row));
	row->addr = *a;
	memcpy(row->mac, mac, MAC_LEN);
	row->asked = false;
	m->last[v] = row;
}

/**
 * guest_macs_are_several() - Were there several MAC addresses?
 * @m:		Table, NULL for none
 *
 * Return: true if so: only then what goes to one of them isn't for the others
 */
bool guest_macs_are_several(const struct guest_macs *m)
{
	return m && m->several;
}

/**
 * guest_macs_have() - Was a MAC address heard on the guest's link?
 * @m:		Table, NULL for none
 * @mac:	MAC address of one machine
 *
 * Return: true if so, and it isn't forgotten yet
 */
bool guest_macs_have(const struct guest_macs *m,
		     const uint8_t mac[static MAC_LEN])
{
	const uint8_t (*row)[MAC_LEN];
	size_t i;

	if (!m)
		return false;

	row = m->macs[mac_row_of(m, mac)];
	for (i = 0; i < ROW_LEN; i++)
		if (!memcmp(row[i], mac, MAC_LEN))
			return true;
	return false;
}

/**
 * guest_mac_of() - MAC address that what is for an IP address goes to
 * @tap:	Port to the guest, its table may be NULL
 * @a:		IP address of one machine
 *
 * Return: that of the machine that has it, the one heard last if that isn't
 *	   known
 */
const uint8_t *guest_mac_of(const struct tap *tap, const struct addr *a)
{
	const struct owner *o = NULL;

	if (guest_macs_are_several(tap->macs))
		o = find(tap->macs, a);
	return o ? o->mac : tap->guest_mac;
}

/**
 * guest_mac_is_known() - Has something on the link sent from an IP address?
 * @m:		Table, NULL for none
 * @a:		IP address
 *
 * Return: true if so, and it isn't forgotten yet
 */
bool guest_mac_is_known(struct guest_macs *m, const struct addr *a)
{
	return m && find(m, a);
}

/**
 * guest_mac_answers() - Is another machine on the link to tell that it has an
 *			 IP address?
 * @m:		Table, NULL for none
 * @a:		IP address that is asked for
 * @asker:	MAC address that it is asked from
 *
 * It may have gone: so only once until it is heard again. Whoever gets no
 * answer asks once more.
 *
 * Return: true if nobody else should answer this time
 */
bool guest_mac_answers(struct guest_macs *m, const struct addr *a,
		       const uint8_t asker[static MAC_LEN])
{
	struct owner *o = m ? find(m, a) : NULL;

	if (!o || o->asked || !memcmp(o->mac, asker, MAC_LEN))
		return false;
	o->asked = true;
	return true;
}
