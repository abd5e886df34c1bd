/* SPDX-License-Identifier: MIT */
/* tools/enroll_folder: a document fits into the messages that carry it. */
#include "tools/enroll_folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/run.h"

static const struct walltime now = { 1800000000000ull };
static char path[64];
static char detail[ENROLL_DETAIL_SIZE];

static int folder_create(uint32_t max_message_size)
{
	struct enroll_create *o = calloc(1, sizeof(*o));
	int err;

	ck_assert_ptr_nonnull(o);
	snprintf(path, sizeof(path), "/tmp/peal-enroll-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	configuration_init(&o->configuration);
	snprintf(o->configuration.overlay_name, sizeof(o->configuration.overlay_name), "overlay.example");
	o->configuration.no_ice = true;
	o->configuration.max_message_size = max_message_size;
	ck_assert_int_eq(address_parse("192.0.2.1:6084", 0, &o->configuration.bootstrap_nodes[0]), 0);
	o->configuration.bootstrap_node_count = 1;
	o->folder = path;
	o->url = "https://192.0.2.1:8443";
	o->quota = 1;
	o->certificate_days = 30;
	o->root_days = 300;
	detail[0] = '\0';
	err = enroll_folder_create(o, now, detail, sizeof(detail));
	free(o);
	return err;
}

static void folder_remove(void)
{
	static const char *const names[] = {
		"authority/key.pem", "authority/certificate.pem", "authority", "signer/key.pem",
		"signer/certificate.pem", "signer", "tls-key.pem", "tls-certificate.pem", "configuration.xml",
		"state.sqlite", "state.sqlite-wal", "state.sqlite-shm", "",
	};
	char file[ENROLL_FILE_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(enroll_path(path, names[i], file));
	ck_assert_int_ne(access(path, F_OK), 0);
}

/* Signs the current document anew with this max-message-size. */
static int resize(uint32_t max_message_size)
{
	struct enroll_folder f;
	int err;

	ck_assert_int_eq(enroll_folder_open(&f, path, now, detail, sizeof(detail)), 0);
	f.document->configuration.max_message_size = max_message_size;
	f.document->configuration.sequence++;
	detail[0] = '\0';
	err = enroll_folder_set_document(&f, f.document, now, detail, sizeof(detail));
	enroll_folder_close(&f);
	return err;
}

static uint16_t sequence_on_disk(void)
{
	struct enroll_folder f;
	uint16_t sequence;

	ck_assert_int_eq(enroll_folder_open(&f, path, now, detail, sizeof(detail)), 0);
	sequence = f.document->configuration.sequence;
	enroll_folder_close(&f);
	return sequence;
}

START_TEST(document_must_fit_its_own_messages)
{
	ck_assert_msg(folder_create(32768) == 0, "%s", detail);
	ck_assert_int_eq(resize(2000), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(detail, "max-message-size"));
	ck_assert_int_eq(sequence_on_disk(), 1);
	ck_assert_int_eq(resize(30000), 0);
	ck_assert_int_eq(sequence_on_disk(), 2);
	folder_remove();
}
END_TEST

START_TEST(overlay_begins_with_messages_large_enough)
{
	ck_assert_int_eq(folder_create(5000), ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(detail, "max-message-size"));
	folder_remove();
}
END_TEST

int main(void)
{
	return RUN_TESTS("enroll_folder", document_must_fit_its_own_messages,
			 overlay_begins_with_messages_large_enough);
}
