/* SPDX-License-Identifier: MIT */
/* Tests of settings.c: what is printed reads back the same, and each wrong line is named. */
#include "node/settings.h"

#include <unistd.h>

#include "node/settings_schema.h"
#include "test/unit/run.h"

/* Reads `text` as a file over the defaults. `detail` without the file's name. */
static int read_text(const char *text, struct settings *s, char detail[400])
{
	char path[] = "/tmp/peal-settings-XXXXXX";
	int fd = mkstemp(path);
	int err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	ck_assert_int_eq(close(fd), 0);
	settings_init(s);
	err = settings_read(s, path, detail, 400);
	(void)unlink(path);
	if (err != 0) {
		ck_assert_int_eq(strncmp(detail, path, strlen(path)), 0);
		memmove(detail, detail + strlen(path), strlen(detail + strlen(path)) + 1);
	}
	return err;
}

static char *print(const struct settings *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	settings_print(s, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(settings_print_what_reads_back_the_same)
{
	static const char *const files[] = {
		"",
		"overlay = \"peal.example\"\nstate-folder = \"/tmp/a \\\"b\\\" ${HOME} \\\\ \\044{HOME}\"\n",
		"listen = {\"192.0.2.1\", \"[2001:db8::1]:7000\"}\nlink-protocols = {dtls}\napp-listen = \"\"\n",
		("hip = no\nhip-listen = {}\nhip-media = off\nmedia-ports = 20001-20010\nhip-edge = true\n"
		 "hip-transparent = \"10.64.0.0\"\nhip-unknown = refuse\nhip-dh-groups = {p384, modp3072}\n"
		 "hip-serve = {\"2001:22::1 10.1.2.3\"}\nhip-register = {\"2001:22::2 192.0.2.1 relay\"}\n"
		 "hip-tun = hip0\nhip-capture = \"/tmp/a.pcap\"\n"
		 "issuer-names = {\"00ff=example.org,example.net\", \"ab=\"}\n"),
		("sip-listen = {}\nbootstrap = {\"198.51.100.7:6084\"}\nlinks-max = 8\nsip-digest = yes\n"
		 "sip-password-file = \"/x\"\nrole = client\nlog-level = debug\nlog-format = json\n"),
	};
	struct settings s, again;
	char detail[400];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *first, *second;

		ck_assert_int_eq(read_text(files[i], &s, detail), 0);
		first = print(&s);
		ck_assert_int_eq(read_text(first, &again, detail), 0);
		second = print(&again);
		ck_assert_str_eq(first, second);
		free(first);
		free(second);
	}
}
END_TEST

START_TEST(settings_name_line_and_option_of_each_wrong_value)
{
	static const struct {
		const char *text, *detail;
	} wrong[] = {
		{ "\n\nlinks-max = 7\n", ":3: links-max: \"7\" is not a number from 8 to 4096 (links)" },
		{ "links-max = many\n", ":1: links-max: \"many\" is not a number from 8 to 4096 (links)" },
		{ "handshakes-max = 0\n", ":1: handshakes-max: \"0\" is not a number from 1 to 1024 (handshakes)" },
		{ "datagram-mtu = 20000\n", ":1: datagram-mtu: \"20000\" is not a number from 548 to 16000 (bytes)" },
		{ "sip-digest = maybe\n", ":1: sip-digest: \"maybe\" is not true or false" },
		{ "role = king\n", ":1: role: \"king\" is not one of: peer bootstrap client" },
		{ "storage = tape\n", ":1: storage: \"tape\" is not one of: sqlite memory" },
		{ "link-protocols = {tls, sctp}\n", ":1: link-protocols: \"sctp\" is not one of: tls dtls" },
		{ "link-protocols = {tls, tls}\n", ":1: link-protocols: \"tls\" stands twice" },
		{ "link-protocols = {}\n", ": link-protocols: needs at least one of its values" },
		{ "listen = {\"192.0.2.1\",\n\"nowhere\"}\n",
		  ":2: listen: \"nowhere\" is not an address like 192.0.2.1:6084 or [2001:db8::1]:6084" },
		{ "app-listen = \"1.2.3.4:99999\"\n",
		  ":1: app-listen: \"1.2.3.4:99999\" is not an address like 192.0.2.1:6085 or "
		  "[2001:db8::1]:6085" },
		{ "hip-media = maybe\n", ":1: hip-media: \"maybe\" is not one of: prefer require off" },
		{ "hip-dh-groups = {p256, p224}\n", ":1: hip-dh-groups: \"p224\" is not one of: p256 p384 p521 "
		  "modp3072 modp1536 secp160r1" },
		{ "hip-listen = {\"nowhere\"}\n", ":1: hip-listen: \"nowhere\" is not an address like "
		  "192.0.2.1:10500 or [2001:db8::1]:10500" },
		{ "hip-tun = sixteen-letters-x\n", ":1: hip-tun: longer than 15 bytes" },
		{ "no-such-option = 1\n", ":1: no such option 'no-such-option'" },
	};
	struct settings s;
	char detail[400];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(read_text(wrong[i].text, &s, detail), ERR_CONFIG);
		ck_assert_str_eq(detail, wrong[i].detail);
	}
}
END_TEST

START_TEST(settings_refuse_a_text_that_is_too_long)
{
	struct settings s;
	char detail[400], text[600];

	(void)snprintf(text, sizeof(text), "overlay = \"%0300d\"\n", 0);
	ck_assert_int_eq(read_text(text, &s, detail), ERR_CONFIG);
	ck_assert_str_eq(detail, ":1: overlay: longer than 253 bytes");
}
END_TEST

START_TEST(settings_name_a_file_that_is_not_there)
{
	struct settings s;
	char detail[400];

	settings_init(&s);
	ck_assert_int_eq(settings_read(&s, "/nonexistent/peald.conf", detail, sizeof(detail)), ERR_IO);
	ck_assert_str_eq(detail, "/nonexistent/peald.conf: No such file or directory");
}
END_TEST

START_TEST(settings_refuse_phones_from_elsewhere_without_digest)
{
	struct settings s;
	char detail[400];

	ck_assert_int_eq(read_text("sip-listen = {\"192.0.2.1\"}\n", &s, detail), 0);
	ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(detail, "sip-listen"));
	ck_assert_int_eq(read_text("sip-listen = {\"192.0.2.1\"}\nsip-digest = true\n", &s, detail), 0);
	ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(detail, "sip-password-file"));
	settings_init(&s);
	ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), 0);
}
END_TEST

START_TEST(settings_refuse_to_tell_phones_no_address)
{
	static const char *const lists[] = { "{\"0.0.0.0\"}", "{\"127.0.0.1\", \"[::]:5060\"}" };
	struct settings s;
	char detail[400], text[200];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(text, sizeof(text),
			 "sip-listen = %s\nsip-digest = true\nsip-password-file = \"/tmp/passwords\"\n", lists[i]);
		ck_assert_int_eq(read_text(text, &s, detail), 0);
		ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), ERR_CONFIG);
		ck_assert_ptr_nonnull(strstr(detail, "sip-listen: phones are told the address"));
	}
}
END_TEST

START_TEST(settings_refuse_hip_options_that_do_not_fit)
{
	static const struct {
		const char *text, *detail; /* its beginning */
	} wrong[] = {
		{ "hip-listen = {}\n", "hip-listen: at least one address is needed, or hip = false" },
		{ "hip-listen = {\"127.0.0.1\", \"127.0.0.2\", \"127.0.0.3\", \"127.0.0.4\", \"127.0.0.5\"}\n",
		  "hip-listen: more than four addresses" },
		{ "hip = false\nhip-media = require\n", "hip-media: require needs hip = true" },
		{ "hip-transparent = \"10.0.0.0\"\n", "hip-transparent: needs hip-edge = true" },
		{ "hip-serve = {\"2001:22::1 10.1.2.3\"}\n", "hip-serve: needs hip-transparent" },
		{ "hip-serve = {\"2001:22::1\"}\n", "hip-serve: \"2001:22::1\": after the HIT there must be an" },
		{ "hip-serve = {\"2001:22::1 192.0.2.1 relay\"}\n",
		  "hip-serve: \"2001:22::1 192.0.2.1 relay\": has more words than it may" },
		{ "hip-serve = {\"2001:22::1 192.0.2.1\", \"2001:22:0::1 192.0.2.2\"}\n",
		  "hip-serve: \"2001:22:0::1 192.0.2.2\": stands twice" },
		{ "hip-register = {\"\"}\n", "hip-register: \"\": must begin with a HIT" },
		{ "hip-register = {\"2001:db8::1 192.0.2.1\"}\n",
		  "hip-register: \"2001:db8::1 192.0.2.1\": must begin with a HIT" },
		{ "hip-register = {\"2001:22::1 example.org\"}\n",
		  "hip-register: \"2001:22::1 example.org\": after the HIT there must be an address" },
		{ "hip-register = {\"2001:22::1 0.0.0.0\"}\n",
		  "hip-register: \"2001:22::1 0.0.0.0\": after the HIT there must be an address" },
		{ "hip-register = {\"2001:22::1 192.0.2.1:0\"}\n",
		  "hip-register: \"2001:22::1 192.0.2.1:0\": after the HIT there must be an address" },
		{ "hip-register = {\"2001:22::1 192.0.2.1 rvs\"}\n",
		  "hip-register: \"2001:22::1 192.0.2.1 rvs\": the word after the address is rendezvous or relay" },
		{ "hip-register = {\"2001:22::1 192.0.2.1 relay now\"}\n",
		  "hip-register: \"2001:22::1 192.0.2.1 relay now\": has more words than it may" },
		{ "hip-register = {\"2001:22::1 192.0.2.1\", \"2001:22::1 192.0.2.2 rendezvous\"}\n",
		  "hip-register: \"2001:22::1 192.0.2.2 rendezvous\": stands twice" },
		{ "hip-register = {\"2001:22::1 1.1.1.1\", \"2001:22::2 1.1.1.1\", \"2001:22::3 1.1.1.1\", "
		  "\"2001:22::4 1.1.1.1\", \"2001:22::5 1.1.1.1\", \"2001:22::6 1.1.1.1\", \"2001:22::7 1.1.1.1\", "
		  "\"2001:22::8 1.1.1.1\", \"2001:22::9 1.1.1.1\"}\n", "hip-register: more than eight servers" },
		{ "hip-tun = \"a/b\"\n", "hip-tun: \"a/b\" is no name for a device" },
		{ "issuer-names = {\"00ff=example.org\"}\n", "issuer-names: \"00ff=example.org\": " },
		{ "media-ports = all\n", "media-ports: \"all\" is not a range of ports like 16384-32767" },
		{ "media-ports = 100-70000\n", "media-ports: \"100-70000\" is not a range" },
		{ "media-ports = 0-9\n", "media-ports: \"0-9\" is not a range" },
		{ "media-ports = 100\n", "media-ports: \"100\" is not a range" },
		{ "media-ports = 101-102\n", "media-ports: \"101-102\" has no even port followed by another one" },
	};
	struct settings s;
	char detail[400];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(read_text(wrong[i].text, &s, detail), 0);
		ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), ERR_CONFIG);
		ck_assert_msg(strncmp(detail, wrong[i].detail, strlen(wrong[i].detail)) == 0, "%s", detail);
	}
	ck_assert_int_eq(read_text("hip = false\nhip-listen = {}\n", &s, detail), 0);
	ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), 0);
}
END_TEST

START_TEST(settings_tell_hosts_with_address_and_service)
{
	struct setting_hip_host hosts[SETTING_TEXTS_MAX];
	char detail[400], text[HIT_TEXT_SIZE > ADDRESS_TEXT_SIZE ? HIT_TEXT_SIZE : ADDRESS_TEXT_SIZE];
	struct settings s;

	ck_assert_int_eq(read_text("hip-edge = true\nhip-transparent = \"10.64.0.0\"\n"
				   "hip-serve = {\"2001:22::5 10.1.2.3:10501\"}\n"
				   "hip-register = {\" 2001:22::1  192.0.2.1\", \"2001:22::1 192.0.2.1 relay\", "
				   "\"20010022000000000000000000000002 [2001:db8::1]:10501\\trendezvous \"}\n",
				   &s, detail), 0);
	ck_assert_int_eq(settings_check(&s, detail, sizeof(detail)), 0);
	ck_assert_uint_eq(s.hip_register.count, 3);
	ck_assert_int_eq(settings_hip_register(&s, hosts, detail, sizeof(detail)), 0);
	ck_assert_str_eq(hit_text(&hosts[0].hit, text), "2001:22:0:0:0:0:0:1");
	ck_assert_str_eq(address_text(&hosts[0].address, text), "192.0.2.1:10500");
	ck_assert(!hosts[0].is_relay);
	ck_assert(hosts[1].is_relay);
	ck_assert_str_eq(hit_text(&hosts[2].hit, text), "2001:22:0:0:0:0:0:2");
	ck_assert_str_eq(address_text(&hosts[2].address, text), "[2001:db8::1]:10501");
	ck_assert(!hosts[2].is_relay);
	ck_assert_int_eq(settings_hip_serve(&s, hosts, detail, sizeof(detail)), 0);
	ck_assert_str_eq(hit_text(&hosts[0].hit, text), "2001:22:0:0:0:0:0:5");
	ck_assert_str_eq(address_text(&hosts[0].address, text), "10.1.2.3:10501");
}
END_TEST

START_TEST(settings_media_ports_begin_with_an_even_one)
{
	struct settings s;
	char detail[400];
	uint16_t first, last;

	settings_init(&s);
	ck_assert_int_eq(settings_media_ports(&s, &first, &last, detail, sizeof(detail)), 0);
	ck_assert_uint_eq(first, 16384);
	ck_assert_uint_eq(last, 32767);
	ck_assert_int_eq(read_text("media-ports = 20001-20003\n", &s, detail), 0);
	ck_assert_int_eq(settings_media_ports(&s, &first, &last, detail, sizeof(detail)), 0);
	ck_assert_uint_eq(first, 20002);
	ck_assert_uint_eq(last, 20003);
}
END_TEST

START_TEST(settings_manual_names_every_option)
{
	char *text = NULL, name[80];
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	settings_print_manual(out);
	ck_assert_int_eq(fclose(out), 0);
	for (size_t i = 0; i < settings_schema_count; i++) {
		size_t n = 0;

		for (const char *c = settings_schema[i].name; *c != '\0'; c++) {
			if (*c == '-')
				name[n++] = '\\';
			name[n++] = *c;
		}
		name[n] = '\0';
		ck_assert_ptr_nonnull(strstr(text, name));
		ck_assert_ptr_nonnull(settings_schema[i].help);
	}
	free(text);
}
END_TEST

int main(void)
{
	return RUN_TESTS("settings", settings_print_what_reads_back_the_same,
			 settings_name_line_and_option_of_each_wrong_value,
			 settings_refuse_a_text_that_is_too_long, settings_name_a_file_that_is_not_there,
			 settings_refuse_phones_from_elsewhere_without_digest,
			 settings_refuse_to_tell_phones_no_address,
			 settings_refuse_hip_options_that_do_not_fit, settings_tell_hosts_with_address_and_service,
			 settings_media_ports_begin_with_an_even_one, settings_manual_names_every_option);
}
