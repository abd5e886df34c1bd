/* SPDX-License-Identifier: MIT */
/* Tests of configuration_file.c: newer documents replace the file, older and forged ones do not. */
#include "node/configuration_file.h"

#include <stdio.h>
#include <unistd.h>

#include "test/unit/crypto/fixture.h"
#include "test/unit/node/document.h"
#include "test/unit/node/resign.h"
#include "test/unit/run.h"

struct folder {
	char path[64];
	char file[80];
	struct keystore *authority, *node;
	struct configuration_file *current;
	struct configuration *out;
};

static struct now test_now(void) { return (struct now){ { 0 }, fixture_now() }; }

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void folder_make(struct folder *f, uint16_t sequence)
{
	char detail[300], *text;

	(void)snprintf(f->path, sizeof(f->path), "/tmp/peal-document-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->path));
	(void)snprintf(f->file, sizeof(f->file), "%s/overlay.xml", f->path);
	f->authority = fixture_authority(KEY_P256);
	f->node = fixture_node(f->authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	text = document_signed(f->authority, f->node, sequence);
	file_write(f->file, text);
	free(text);
	f->out = calloc(1, sizeof(*f->out));
	ck_assert_msg(configuration_file_open(&f->current, f->file, NULL, fixture_now(), detail,
					      sizeof(detail)) == 0, "%s", detail);
}

static void folder_free(struct folder *f)
{
	configuration_file_free(f->current);
	free(f->out);
	keystore_free(f->node);
	keystore_free(f->authority);
	(void)unlink(f->file);
	(void)rmdir(f->path);
}

static int update(struct folder *f, const char *text)
{
	return configuration_file_ops.update(f->current, test_now(), slice_text(text), f->out);
}

/* The sequence on disk. */
static int sequence_on_disk(const struct folder *f)
{
	struct configuration_file *again;
	char detail[300];
	int sequence;

	ck_assert_int_eq(configuration_file_open(&again, f->file, FIXTURE_OVERLAY, fixture_now(), detail,
						 sizeof(detail)), 0);
	sequence = configuration_file_document(again)->configuration.sequence;
	configuration_file_free(again);
	return sequence;
}

START_TEST(configuration_file_takes_a_newer_document)
{
	struct folder f;
	char *text;

	folder_make(&f, 7);
	text = document_signed(f.authority, f.node, 8);
	ck_assert_int_eq(update(&f, text), 0);
	ck_assert_int_eq(f.out->sequence, 8);
	ck_assert_int_eq(sequence_on_disk(&f), 8);
	ck_assert(slice_equal(configuration_file_ops.document(f.current), slice_text(text)));
	free(text);
	folder_free(&f);
}
END_TEST

START_TEST(configuration_file_refuses_a_rollback)
{
	struct folder f;

	folder_make(&f, 7);
	for (uint16_t sequence = 6; sequence <= 7; sequence++) {
		char *text = document_signed(f.authority, f.node, sequence);

		ck_assert_int_eq(update(&f, text), ERR_CONFIG_TOO_OLD);
		free(text);
	}
	ck_assert_int_eq(sequence_on_disk(&f), 7);
	folder_free(&f);
}
END_TEST

START_TEST(configuration_file_goes_on_after_the_highest_sequence)
{
	struct folder f;
	char *text;

	folder_make(&f, 65534);
	text = document_signed(f.authority, f.node, 0);
	ck_assert_int_eq(update(&f, text), 0);
	ck_assert_int_eq(sequence_on_disk(&f), 0);
	free(text);
	folder_free(&f);
}
END_TEST

START_TEST(configuration_file_refuses_a_forgery)
{
	struct folder f;
	struct keystore *authority, *node;
	char *text;

	folder_make(&f, 7);
	authority = fixture_authority(KEY_P256);
	node = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	text = document_signed(authority, node, 8);
	ck_assert_int_eq(update(&f, text), ERR_SIGNATURE);
	ck_assert_int_eq(update(&f, "<overlay/>"), ERR_CONFIG);
	ck_assert_int_eq(sequence_on_disk(&f), 7);
	free(text);
	keystore_free(node);
	keystore_free(authority);
	folder_free(&f);
}
END_TEST

/* 11.1: who cannot follow the newer document leaves; a forger makes nobody leave. */
START_TEST(configuration_file_tells_what_a_newer_document_asks_for)
{
	static const char EXTENSION[] = "<mandatory-extension>urn:later</mandatory-extension>";
	struct folder f;
	struct keystore *authority, *node;
	char *text, *later;

	folder_make(&f, 7);
	text = document_signed(f.authority, f.node, 7);
	later = document_resigned(text, f.node, 7, EXTENSION);
	ck_assert_int_eq(update(&f, later), ERR_CONFIG_TOO_OLD);
	free(later);
	authority = fixture_authority(KEY_P256);
	node = fixture_node(authority, KEY_P256, FIXTURE_OVERLAY, FIXTURE_USER, 1, 1);
	free(text);
	text = document_signed(authority, node, 7);
	later = document_resigned(text, node, 8, EXTENSION);
	ck_assert_int_eq(update(&f, later), ERR_SIGNATURE);
	ck_assert_str_eq(configuration_file_unsupported(f.current), "");
	free(later);
	free(text);
	text = document_signed(f.authority, f.node, 7);
	later = document_resigned(text, f.node, 8, EXTENSION);
	*strstr(later, "urn:later") = 'U';
	ck_assert_int_eq(update(&f, later), ERR_SIGNATURE);
	*strstr(later, "Urn:later") = 'u';
	ck_assert_int_eq(update(&f, later), ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(configuration_file_unsupported(f.current), "urn:later"));
	/* It is not kept: an upgraded node is sent it again. */
	ck_assert_int_eq(sequence_on_disk(&f), 7);
	free(later);
	free(text);
	keystore_free(node);
	keystore_free(authority);
	folder_free(&f);
}
END_TEST

/* The first kind-block of `text`. */
static struct slice first_kind(const char *text)
{
	const char *from = strstr(text, "<kind-block>");
	const char *end = strstr(from, "</kind-block>") + strlen("</kind-block>");

	return slice_of(from, (size_t)(end - from));
}

static int update_kind(struct folder *f, struct slice kind)
{
	return configuration_file_ops.update_kind(f->current, test_now(), kind, f->out);
}

START_TEST(configuration_file_takes_a_signed_kind)
{
	struct folder f;
	char *text;

	folder_make(&f, 7);
	text = document_signed(f.authority, f.node, 7);
	ck_assert_int_eq(update_kind(&f, first_kind(text)), 0);
	*strstr(text, "<max-size>1") = ' ';
	ck_assert_int_ne(update_kind(&f, first_kind(text)), 0);
	free(text);
	folder_free(&f);
}
END_TEST

/* 6.5.4.2: another kind-signer than the one that signed the Kind in the document, or by itself. */
START_TEST(configuration_file_keeps_a_kinds_signer)
{
	struct keystore *other;
	char *text, *theirs;
	struct folder f;

	folder_make(&f, 7);
	other = fixture_node(f.authority, KEY_P256, FIXTURE_OVERLAY, "bob@overlay.example", 2, 1);
	text = document_signed(f.authority, f.node, 8);
	theirs = document_signed(f.authority, other, 7);
	ck_assert_int_eq(update_kind(&f, first_kind(theirs)), ERR_FORBIDDEN);
	ck_assert_int_eq(update_kind(&f, first_kind(text)), 0);
	ck_assert_int_eq(update(&f, text), 0);
	ck_assert_int_eq(update_kind(&f, first_kind(theirs)), ERR_FORBIDDEN);
	ck_assert_int_eq(update_kind(&f, first_kind(text)), 0);
	free(theirs);
	free(text);
	keystore_free(other);
	folder_free(&f);
}
END_TEST

START_TEST(configuration_file_names_a_file_that_is_not_there)
{
	struct configuration_file *f;
	char detail[300];

	ck_assert_int_eq(configuration_file_open(&f, "/nonexistent/overlay.xml", NULL, fixture_now(), detail,
						 sizeof(detail)), ERR_IO);
	ck_assert_str_eq(detail, "/nonexistent/overlay.xml: No such file or directory");
}
END_TEST

int main(void)
{
	return RUN_TESTS("configuration_file", configuration_file_takes_a_newer_document,
			 configuration_file_refuses_a_rollback,
			 configuration_file_goes_on_after_the_highest_sequence,
			 configuration_file_refuses_a_forgery,
			 configuration_file_tells_what_a_newer_document_asks_for,
			 configuration_file_takes_a_signed_kind,
			 configuration_file_keeps_a_kinds_signer,
			 configuration_file_names_a_file_that_is_not_there);
}
