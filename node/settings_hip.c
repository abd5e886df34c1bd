/* SPDX-License-Identifier: MIT */
/* The texts of hip-register and hip-serve: words between blanks, a HIT and an address first. */
#include <string.h>

#include "node/settings.h"

#define HIP_TEXT_MAX (HIT_TEXT_SIZE + ADDRESS_TEXT_SIZE + 32)
#define HIP_PORT 10500

/* The next word of a text that strsep takes apart; NULL: no more. */
static const char *word_next(char **at)
{
	const char *word;

	do {
		word = strsep(at, " \t");
	} while (word != NULL && *word == '\0');
	return word;
}

static bool is_hit(const char *text, struct hit *hit)
{
	return hit_parse(text, hit) == 0 && (hit_suite(hit) != 0 || hit_is_version_1(hit));
}

/* "HIT ADDRESS[:PORT]", and with `service` a third word. NULL, or what is wrong. */
static const char *host_parse(const char *text, struct setting_hip_host *out, const char **service,
			      char words[HIP_TEXT_MAX])
{
	char *at = words;
	const char *hit, *address;

	if (strlen(text) >= HIP_TEXT_MAX)
		return "too long";
	memcpy(words, text, strlen(text) + 1);
	hit = word_next(&at);
	address = word_next(&at);
	if (service != NULL)
		*service = word_next(&at);
	if (hit == NULL || !is_hit(hit, &out->hit))
		return "must begin with a HIT: an IPv6 address of 2001:20::/28, or 32 hex digits";
	if (address == NULL || address_parse(address, HIP_PORT, &out->address) != 0 || out->address.port == 0 ||
	    address_is_any(&out->address))
		return "after the HIT there must be an address like 192.0.2.1 or [2001:db8::1]:10500";
	return word_next(&at) == NULL ? NULL : "has more words than it may";
}

static const char *register_parse(const char *text, struct setting_hip_host *out)
{
	char words[HIP_TEXT_MAX];
	const char *service, *why = host_parse(text, out, &service, words);

	if (why != NULL)
		return why;
	out->is_relay = service != NULL && strcmp(service, "relay") == 0;
	if (service != NULL && !out->is_relay && strcmp(service, "rendezvous") != 0)
		return "the word after the address is rendezvous or relay";
	return NULL;
}

static const char *serve_parse(const char *text, struct setting_hip_host *out)
{
	char words[HIP_TEXT_MAX];

	return host_parse(text, out, NULL, words);
}

/* All texts of an option, none of them meaning the same as another. */
static int hosts_parse(const char *option, const struct setting_texts *texts,
		       const char *(*parse)(const char *text, struct setting_hip_host *out),
		       struct setting_hip_host *out, char *detail, size_t detail_size)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *why;

		out[i] = (struct setting_hip_host){ 0 };
		why = parse(texts->items[i], &out[i]);
		for (size_t k = 0; why == NULL && k < i; k++)
			if (hit_equal(&out[k].hit, &out[i].hit) && out[k].is_relay == out[i].is_relay)
				why = "stands twice";
		if (why == NULL)
			continue;
		(void)snprintf(detail, detail_size, "%s: \"%.100s\": %s", option, texts->items[i], why);
		return ERR_CONFIG;
	}
	return 0;
}

int settings_hip_register(const struct settings *s, struct setting_hip_host *out, char *detail, size_t detail_size)
{
	return hosts_parse("hip-register", &s->hip_register, register_parse, out, detail, detail_size);
}

int settings_hip_serve(const struct settings *s, struct setting_hip_host *out, char *detail, size_t detail_size)
{
	return hosts_parse("hip-serve", &s->hip_serve, serve_parse, out, detail, detail_size);
}
