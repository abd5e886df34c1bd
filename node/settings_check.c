/* SPDX-License-Identifier: MIT */
/* What one option cannot see for itself: whether options fit each other, and texts with a form of their own. */
#include <net/if.h>
#include <stdlib.h>

#include "crypto/issuer_rule.h"
#include "node/settings.h"
#include "overlay/base/invariant.h"

#define SIP_LISTEN_MAX 4
#define HIP_ADDRESSES_MAX 4
#define HIP_REGISTER_MAX 8

static int sip_check(const struct settings *s, char *detail, size_t detail_size)
{
	bool loopback = true, any = false;

	for (size_t i = 0; i < s->sip_listen.count; i++) {
		loopback = loopback && address_is_loopback(&s->sip_listen.items[i]);
		any = any || address_is_any(&s->sip_listen.items[i]);
	}
	if (s->sip_listen.count > SIP_LISTEN_MAX)
		(void)snprintf(detail, detail_size, "sip-listen: more than four addresses");
	else if (any) /* Via, Record-Route and c= tell phones the very address */
		(void)snprintf(detail, detail_size,
			       "sip-listen: phones are told the address, so 0.0.0.0 and [::] will not do: name those "
			       "of this machine that phones reach");
	else if (!loopback && !s->sip_digest)
		(void)snprintf(detail, detail_size,
			       "sip-listen: others can reach this address: set sip-digest = true and a "
			       "sip-password-file, or listen on 127.0.0.1 only");
	else if (s->sip_digest && s->sip_password_file[0] == '\0')
		(void)snprintf(detail, detail_size, "sip-digest: needs a sip-password-file");
	else
		return 0;
	return ERR_CONFIG;
}

/* One port number of a range; moves past it. */
static bool port_read(const char **at, unsigned long *port)
{
	char *end = NULL;

	if (**at < '0' || **at > '9')
		return false;
	*port = strtoul(*at, &end, 10);
	*at = end;
	return *port > 0 && *port <= UINT16_MAX;
}

int settings_media_ports(const struct settings *s, uint16_t *first, uint16_t *last, char *detail, size_t detail_size)
{
	const char *at = s->media_ports;
	unsigned long from, to;

	if (!port_read(&at, &from) || *at++ != '-' || !port_read(&at, &to) || *at != '\0') {
		(void)snprintf(detail, detail_size,
			       "media-ports: \"%.20s\" is not a range of ports like 16384-32767", s->media_ports);
		return ERR_CONFIG;
	}
	from += from & 1;
	if (to < from + 1) {
		(void)snprintf(detail, detail_size,
			       "media-ports: \"%.20s\" has no even port followed by another one", s->media_ports);
		return ERR_CONFIG;
	}
	*first = (uint16_t)from;
	*last = (uint16_t)to;
	return 0;
}

/* A name that the kernel takes for a device. */
static bool is_device_name(const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) >= IFNAMSIZ)
		return false;
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~' || *name == '/' || *name == ':' || *name == '%')
			return false;
	return true;
}

/* The texts that name other hosts. */
static int hip_hosts_check(const struct settings *s, char *detail, size_t detail_size)
{
	struct setting_hip_host *hosts = memory_alloc(SETTING_TEXTS_MAX * sizeof(*hosts));
	int err = settings_hip_register(s, hosts, detail, detail_size);

	if (err == 0)
		err = settings_hip_serve(s, hosts, detail, detail_size);
	free(hosts);
	return err;
}

static int hip_check(const struct settings *s, char *detail, size_t detail_size)
{
	uint16_t first, last;
	int err = settings_media_ports(s, &first, &last, detail, detail_size);

	if (err == 0)
		err = hip_hosts_check(s, detail, detail_size);
	if (err != 0)
		return err;
	if (s->hip && s->hip_listen.count == 0)
		(void)snprintf(detail, detail_size, "hip-listen: at least one address is needed, or hip = false");
	else if (s->hip_listen.count > HIP_ADDRESSES_MAX)
		(void)snprintf(detail, detail_size, "hip-listen: more than four addresses");
	else if (!s->hip && s->hip_media == HIP_MEDIA_REQUIRE)
		(void)snprintf(detail, detail_size, "hip-media: require needs hip = true");
	else if (!s->hip_edge && s->hip_transparent.type != ADDRESS_NONE)
		(void)snprintf(detail, detail_size, "hip-transparent: needs hip-edge = true");
	else if (s->hip_serve.count > 0 && s->hip_transparent.type == ADDRESS_NONE)
		(void)snprintf(detail, detail_size, "hip-serve: needs hip-transparent");
	else if (s->hip_register.count > HIP_REGISTER_MAX)
		(void)snprintf(detail, detail_size, "hip-register: more than eight servers");
	else if (!is_device_name(s->hip_tun))
		(void)snprintf(detail, detail_size, "hip-tun: \"%s\" is no name for a device", s->hip_tun);
	else
		return 0;
	return ERR_CONFIG;
}

int settings_issuer_rules(const struct settings *s, struct issuer_rule *out, char *detail, size_t detail_size)
{
	char why[300] = "";

	for (size_t i = 0; i < s->issuer_names.count; i++) {
		if (issuer_rule_parse(s->issuer_names.items[i], &out[i], why, sizeof(why)) == 0)
			continue;
		(void)snprintf(detail, detail_size, "issuer-names: \"%.60s\": %s", s->issuer_names.items[i], why);
		return ERR_CONFIG;
	}
	return 0;
}

static int issuers_check(const struct settings *s, char *detail, size_t detail_size)
{
	struct issuer_rule *rules = memory_alloc(SETTING_TEXTS_MAX * sizeof(*rules));
	int err = settings_issuer_rules(s, rules, detail, detail_size);

	free(rules);
	return err;
}

int settings_check(const struct settings *s, char *detail, size_t detail_size)
{
	int err = ERR_CONFIG;

	if (s->listen.count == 0)
		(void)snprintf(detail, detail_size, "listen: at least one address is needed");
	else if (s->state_folder[0] == '\0')
		(void)snprintf(detail, detail_size, "state-folder: must not be empty");
	else
		err = sip_check(s, detail, detail_size);
	if (err == 0)
		err = issuers_check(s, detail, detail_size);
	return err != 0 ? err : hip_check(s, detail, detail_size);
}
