/* SPDX-License-Identifier: MIT */
/* tools/ctl_hip: what is shown of associations, races and calls. */
#include "tools/ctl_hip.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/run.h"

static json_t *json(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(value);
	return value;
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in\n%s", part, text);
}

START_TEST(hip_shows_association_race_and_registration)
{
	json_t *items = json("[{\"what\":\"association\",\"hit\":\"2001:22::1\",\"user\":\"bob@example.org\","
			     "\"vouched\":\"certificate\",\"state\":\"ESTABLISHED\",\"data\":\"udp 192.0.2.1:10500\","
			     "\"esp\":\"AES-GCM-16\",\"spi_in\":\"00000100\",\"spi_out\":\"00000200\","
			     "\"packets_in\":12,\"packets_out\":34,\"age_s\":61,\"i1_ms\":0.0,\"r1_ms\":1.5,"
			     "\"i2_ms\":2.5,\"r2_ms\":null,"
			     "\"dh_group\":\"p256\",\"rekeys\":0,\"race\":["
			     "{\"path\":\"udp 192.0.2.1:10500\",\"sent_ms\":0.0,\"r1_ms\":1.5,\"won\":true},"
			     "{\"path\":null,\"sent_ms\":60.0,\"r1_ms\":null,\"won\":false}]},"
			     "{\"what\":\"registration\",\"hit\":\"2001:22::2\",\"service\":\"relay\","
			     "\"path\":\"udp 192.0.2.2:10500\",\"remaining_s\":59,\"stored\":true,\"carried_in\":1,"
			     "\"carried_out\":2},"
			     "{\"what\":\"server\",\"hit\":\"2001:22::3\",\"service\":\"rendezvous\","
			     "\"address\":\"192.0.2.3:10500\",\"state\":\"registered\",\"remaining_s\":500}]");
	json_t *result = json("{\"on\":true,\"hit\":\"2001:22::9\",\"suite\":\"ECDSA/SHA-384\"}");
	struct terminal t = { .width = 80 };
	char *text;
	size_t len;

	t.out = open_memstream(&text, &len);
	show_hip(&t, items, result);
	fclose(t.out);
	has(text, "hit    2001:22::9\n");
	has(text, "2001:22::1  bob@example.org  certificate  ESTABLISHED  udp 192.0.2.1:10500  AES-GCM-16  "
		  "00000100/00000200          12   34  1m 01s\n");
	has(text, "2001:22::1  udp 192.0.2.1:10500     0 us  1.5 ms  won\n");
	has(text, "2001:22::1  -                    60.0 ms       -  -\n");
	has(text, "2001:22::1  0 us  1.5 ms  2.5 ms  -   p256   0\n");
	has(text, "2001:22::2  relay  udp 192.0.2.2:10500  59s   yes     1           2\n");
	has(text, "2001:22::3  rendezvous  192.0.2.3:10500  registered  8m 20s  -        -\n");
	free(text);
	json_decref(items);
	json_decref(result);
}
END_TEST

START_TEST(hip_says_when_it_is_off)
{
	json_t *items = json_array(), *result = json("{\"on\":false}");
	struct terminal t = { .width = 80 };
	char *text;
	size_t len;

	t.out = open_memstream(&text, &len);
	show_hip(&t, items, result);
	fclose(t.out);
	ck_assert_str_eq(text, "HIP is off at this node\n");
	free(text);
	json_decref(items);
	json_decref(result);
}
END_TEST

START_TEST(calls_say_how_their_media_is_protected)
{
	json_t *items = json("[{\"from\":\"a@x\",\"to\":\"b@x\",\"state\":\"established\",\"status\":200,\"age_s\":5,"
			     "\"media\":{\"protection\":\"hip\",\"hit\":\"2001:22::1\",\"vouched\":\"certificate\","
			     "\"streams\":[{\"kind\":\"audio\",\"phone\":\"127.0.0.1:4000\",\"port\":16384,"
			     "\"remote_port\":16400,\"packets_in\":250,\"packets_out\":251,\"dropped\":0}]}},"
			     "{\"from\":\"a@x\",\"to\":\"c@y\",\"state\":\"ringing\",\"status\":180,\"age_s\":1,"
			     "\"media\":{\"protection\":\"none\",\"hit\":null,\"vouched\":\"\",\"streams\":[]}}]");
	struct terminal t = { .width = 80 };
	char *text;
	size_t len;

	t.out = open_memstream(&text, &len);
	show_calls(&t, items);
	fclose(t.out);
	has(text, "a@x   b@x  established  200     5s   hip    2001:22::1  certificate\n");
	has(text, "a@x   c@y  ringing      180     1s   none   -           -\n");
	has(text, "a@x   b@x  audio   127.0.0.1:4000  16384   16400       250         251        0\n");
	free(text);
	json_decref(items);
}
END_TEST

int main(void)
{
	return RUN_TESTS("ctl_hip", hip_shows_association_race_and_registration, hip_says_when_it_is_off,
			 calls_say_how_their_media_is_protected);
}
