/* SPDX-License-Identifier: MIT */
/* What this host offers (RFC 7401 5.2.6 to 5.2.11, RFC 7402 5.1.2), and reading what the other end does. */
#include "usage/hip/hip_exchange.h"

#define HIP_GROUPS (sizeof(((struct hip_host_options *)0)->dh_groups))

void hip_own_groups(const struct hip_host *h, struct hip_list *out)
{
	out->count = 0;
	for (size_t i = 0; i < HIP_GROUPS && h->options.dh_groups[i] != 0; i++)
		out->items[out->count++] = h->options.dh_groups[i];
	if (out->count == 0)
		out->items[0] = 0;
}

bool hip_own_group_drop(struct hip_host *h, uint8_t group)
{
	uint8_t *groups = h->options.dh_groups;

	for (size_t i = 0; i < HIP_GROUPS; i++) {
		if (groups[i] != group)
			continue;
		memmove(groups + i, groups + i + 1, HIP_GROUPS - i - 1);
		groups[HIP_GROUPS - 1] = 0;
		log_warning(h->log, "hip.group.missing", "group=%u", group);
		return true;
	}
	return false;
}

void hip_own_ciphers(const struct hip_host *h, struct hip_list *out)
{
	*out = (struct hip_list){ { HOST_CIPHER_AES_128_CBC, HOST_CIPHER_AES_256_CBC, HOST_CIPHER_NULL }, 2 };
	out->count += h->options.allow_null_cipher;
}

void hip_own_transforms(const struct hip_host *h, struct hip_list *out)
{
	/* GCM is the cheapest; the one with a whole ICV first. The second is what everybody must have. */
	*out = (struct hip_list){ { HOST_ESP_AES_GCM_16, HOST_ESP_AES_128_CBC_SHA256, HOST_ESP_AES_GCM_8,
				    HOST_ESP_AES_256_CBC_SHA256, HOST_ESP_NULL_SHA256 }, 4 };
	out->count += h->options.allow_null_cipher;
}

int hip_packet_list(const struct hip_packet *p, uint16_t type, hip_list_get_fn *get, struct hip_list *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, type, &parameter))
		return ERR_NOT_FOUND;
	r = reader_of(parameter.contents);
	get(&r, out);
	return reader_finish(&r);
}

bool hip_packet_puzzle(const struct hip_packet *p, struct hip_puzzle *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_PUZZLE, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_puzzle_get(&r, out);
	return reader_finish(&r) == 0;
}

bool hip_packet_solution(const struct hip_packet *p, struct hip_solution *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_SOLUTION, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_solution_get(&r, out);
	return reader_finish(&r) == 0;
}

bool hip_packet_diffie_hellman(const struct hip_packet *p, struct hip_diffie_hellman *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_DIFFIE_HELLMAN, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_diffie_hellman_get(&r, out);
	return reader_finish(&r) == 0;
}

bool hip_packet_host_id(struct slice contents, struct hip_host_id *out)
{
	struct reader r = reader_of(contents);

	hip_host_id_get(&r, out);
	return reader_finish(&r) == 0 && out->identity.len > 2 && out->identity.len <= HOST_IDENTITY_MAX;
}

bool hip_packet_esp_info(const struct hip_packet *p, struct hip_esp_info *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_ESP_INFO, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_esp_info_get(&r, out);
	/* SPIs below 256 are reserved (RFC 4303 2.1). */
	return reader_finish(&r) == 0 && out->new_spi >= 256;
}

bool hip_packet_r1_counter(const struct hip_packet *p, uint64_t *out)
{
	struct hip_parameter parameter;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_R1_COUNTER, &parameter))
		return false;
	r = reader_of(parameter.contents);
	hip_r1_counter_get(&r, out);
	return reader_finish(&r) == 0;
}

void hip_packet_locators(const struct hip_packet *p, struct hip_association *a)
{
	struct hip_parameter parameter;
	struct hip_locator_set set;
	struct reader r;

	if (!hip_parameter_find(p, HIP_PARAMETER_LOCATOR_SET, &parameter))
		return;
	r = reader_of(parameter.contents);
	hip_locator_set_get(&r, &set);
	if (reader_finish(&r) == 0)
		a->peer_locators = set;
}

void hip_put_echo_signed(const struct hip_packet *p, struct writer *w)
{
	struct hip_parameter parameter;

	if (hip_parameter_find(p, HIP_PARAMETER_ECHO_REQUEST_SIGNED, &parameter))
		hip_bytes_put(w, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, parameter.contents);
}

void hip_put_echo_unsigned(const struct hip_packet *p, struct writer *w)
{
	struct hip_parameter parameter;
	size_t cursor = 0;

	while (hip_parameter_next(p, &cursor, &parameter))
		if (parameter.type == HIP_PARAMETER_ECHO_REQUEST_UNSIGNED &&
		    w->len + parameter.whole.len + 8 <= w->cap)
			hip_bytes_put(w, HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, parameter.contents);
}
