/* SPDX-License-Identifier: MIT */
/* Feature tags of RFC 2533 in a registration record: which HIT a node has, and where it can be reached. */
#include "usage/media/media_internal.h"

#include <stdio.h>

const char *media_prefs_put(const struct media_relay *r, char *text, size_t size)
{
	struct address locators[HIP_LISTEN_MAX];
	char hex[2 * HIT_LENGTH + 1], address[ADDRESS_TEXT_SIZE];
	size_t count, len;

	text[0] = '\0';
	if (r->options.policy == MEDIA_HIP_OFF)
		return text;
	count = hip_host_locators(r->host, locators);
	sip_hex(r->hit.bytes, HIT_LENGTH, hex);
	snprintf(text, size, "(peal.hit=\"%s\")", hex);
	for (size_t i = 0; i < count; i++) {
		len = strlen(text);
		if (size - len > ADDRESS_TEXT_SIZE + 24)
			snprintf(text + len, size - len, " (peal.locator=\"%s\")",
				 address_text(&locators[i], address));
	}
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

void media_prefs_hint(struct slice prefs, struct hip_hint *hint)
{
	char text[ADDRESS_TEXT_SIZE];
	struct slice value;

	for (size_t i = 0; hint->locator_count < HIP_LISTEN_MAX && media_prefs_get(prefs, "locator", i, &value); i++) {
		struct address *a = &hint->locators[hint->locator_count];

		if (value.len < sizeof(text) &&
		    address_parse(sip_copy(text, sizeof(text), value), HIP_UDP_PORT, a) == 0 &&
		    !address_is_any(a) && a->port != 0)
			hint->locator_count++;
	}
}
