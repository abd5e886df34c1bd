/* SPDX-License-Identifier: MIT */
/* Feature tags of RFC 2533 in a registration record: which HIT a node has, and where it can be reached. */
#include "usage/media/media_internal.h"

#include <stdio.h>

#include "usage/hip/hip_registrant.h"

#define PREFS_READ_MAX 16 /* of one name: a record may hold thousands that are no address */

static void media_prefs_put_addresses(char *text, size_t size, const char *name, const struct address *items,
				      size_t count)
{
	char address[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(text);

		if (size - len > ADDRESS_TEXT_SIZE + 24)
			snprintf(text + len, size - len, " (peal.%s=\"%s\")", name, address_text(&items[i], address));
	}
}

const char *media_prefs_put(const struct media_relay *r, char *text, size_t size)
{
	struct address locators[HIP_LISTEN_MAX], servers[HIP_REGISTRANTS_MAX];
	char hex[2 * HIT_LENGTH + 1];

	text[0] = '\0';
	if (r->options.policy == MEDIA_HIP_OFF)
		return text;
	sip_hex(r->hit.bytes, HIT_LENGTH, hex);
	snprintf(text, size, "(peal.hit=\"%s\")", hex);
	/* One is all that a caller tries. */
	media_prefs_put_addresses(text, size, "rendezvous", servers, hip_host_rendezvous(r->host, servers) > 0);
	media_prefs_put_addresses(text, size, "locator", locators, hip_host_locators(r->host, locators));
	return text;
}

bool media_prefs_get(struct slice prefs, const char *name, size_t n, struct slice *value)
{
	char start[48];
	size_t len = (size_t)snprintf(start, sizeof(start), "(peal.%s=\"", name);

	for (size_t i = 0; i + len <= prefs.len; i++) {
		const uint8_t *at = prefs.data + i + len, *quote;

		if (!sip_is(slice_of(prefs.data + i, len), start) || n-- > 0)
			continue;
		quote = memchr(at, '"', prefs.len - i - len);
		if (quote == NULL)
			return false;
		*value = slice_of(at, (size_t)(quote - at));
		return true;
	}
	return false;
}

bool media_prefs_hit(struct slice prefs, struct hit *hit)
{
	char text[HIT_TEXT_SIZE];
	struct slice value;

	return media_prefs_get(prefs, "hit", 0, &value) && value.len < sizeof(text) &&
	       hit_parse(sip_copy(text, sizeof(text), value), hit) == 0 && hit_suite(hit) != 0;
}

static bool media_prefs_address(struct slice value, struct address *a)
{
	char text[ADDRESS_TEXT_SIZE];

	return value.len < sizeof(text) &&
	       address_parse(sip_copy(text, sizeof(text), value), HIP_UDP_PORT, a) == 0 && !address_is_any(a) &&
	       a->port != 0;
}

void media_prefs_hint(struct slice prefs, struct hip_hint *hint)
{
	struct slice value;
	struct address a;

	for (size_t i = 0; i < PREFS_READ_MAX && media_prefs_get(prefs, "locator", i, &value); i++)
		if (hint->locator_count < HIP_LISTEN_MAX && media_prefs_address(value, &a))
			hint->locators[hint->locator_count++] = a;
	for (size_t i = 0; i < PREFS_READ_MAX && media_prefs_get(prefs, "rendezvous", i, &value); i++)
		if (hint->rendezvous.type == ADDRESS_NONE && media_prefs_address(value, &a))
			hint->rendezvous = a;
}
