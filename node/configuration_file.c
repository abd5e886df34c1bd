/* SPDX-License-Identifier: MIT */
/* Keeps the current document. A Kind learned from a ConfigUpdate lives until the next document or restart:
 * a document is the lasting way to define one. */
#include "node/configuration_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/configuration_xml.h"
#include "overlay/base/invariant.h"

/* Who signed a Kind that came by itself. */
struct learned_kind {
	uint32_t id;
	struct node_id signer;
};

struct configuration_file {
	char *path;
	struct configuration_document *document;
	struct configuration *current; /* the document's, and Kinds learned since */
	struct learned_kind learned[KINDS_MAX];
	size_t learned_count;
	char unsupported[200]; /* what a newer document asks for that Peal does not have; empty: nothing */
};

static int file_read(const char *path, struct slice *out, char *detail, size_t detail_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0) {
		(void)snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
		return ERR_IO;
	}
	bytes = memory_alloc(XML_DOCUMENT_MAX + 1);
	while (n > 0 && len <= XML_DOCUMENT_MAX) {
		n = read(fd, bytes + len, XML_DOCUMENT_MAX + 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	(void)close(fd);
	if (n < 0) {
		(void)snprintf(detail, detail_size, "%s: %s", path, strerror(errno));
		free(bytes);
		return ERR_IO;
	}
	*out = slice_of(bytes, len);
	return 0;
}

static bool bytes_write(int fd, struct slice bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.data + done, bytes.len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

/* The rename itself is made durable too. */
static void folder_sync(const char *path)
{
	char *copy = strdup(path);
	int fd;

	invariant(copy != NULL);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
	free(copy);
}

static int file_replace(const char *path, struct slice bytes)
{
	char *temporary = NULL;
	bool ok;
	int fd;

	invariant(asprintf(&temporary, "%s.new", path) > 0);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	ok = fd >= 0 && bytes_write(fd, bytes);
	if (fd >= 0 && close(fd) != 0)
		ok = false;
	if (ok && rename(temporary, path) == 0)
		folder_sync(path);
	else
		ok = false;
	if (!ok)
		(void)unlink(temporary);
	free(temporary);
	return ok ? 0 : ERR_IO;
}

int configuration_file_open(struct configuration_file **out, const char *path, const char *overlay_name,
			    struct walltime now, char *detail, size_t detail_size)
{
	struct configuration_document *d = NULL;
	struct configuration_file *f;
	struct slice bytes;
	char why[300] = "";
	int err;

	err = file_read(path, &bytes, detail, detail_size);
	if (err != 0)
		return err;
	err = configuration_document_parse(&d, bytes, overlay_name, why, sizeof(why));
	free((void *)bytes.data);
	if (err == 0)
		err = configuration_document_verify(d, now, d->configuration.configuration_signers,
						    d->configuration.configuration_signer_count, why,
						    sizeof(why));
	if (err != 0) {
		(void)snprintf(detail, detail_size, "%s: %s", path, why);
		configuration_document_free(d);
		return err;
	}
	f = memory_alloc(sizeof(*f));
	f->path = strdup(path);
	invariant(f->path != NULL);
	f->document = d;
	f->current = memory_alloc(sizeof(*f->current));
	*f->current = d->configuration;
	*out = f;
	return 0;
}

void configuration_file_free(struct configuration_file *f)
{
	if (f == NULL)
		return;
	configuration_document_free(f->document);
	free(f->current);
	free(f->path);
	free(f);
}

const struct configuration_document *configuration_file_document(const struct configuration_file *f)
{
	return f->document;
}

const char *configuration_file_unsupported(const struct configuration_file *f)
{
	return f->unsupported;
}

/* 0 when `d` may follow the current document. */
static int document_follows(const struct configuration_file *f, const struct configuration_document *d,
			    struct walltime now)
{
	char detail[200];

	if (!configuration_sequence_newer(d->configuration.sequence, f->current->sequence))
		return ERR_CONFIG_TOO_OLD;
	return configuration_document_verify_update(d, f->document, now, detail, sizeof(detail));
}

/* A document that asks for something Peal does not have: only a genuine one is a reason to leave (11.1). It is
 * not kept: after an upgrade this node is sent it again. */
static int document_unsupported(struct configuration_file *f, struct walltime now, struct slice document,
				const char *what)
{
	struct configuration_document *d;
	char detail[200];
	int err;

	err = configuration_document_outline(&d, document, f->current->overlay_name, detail, sizeof(detail));
	if (err != 0)
		return ERR_CONFIG;
	err = document_follows(f, d, now);
	configuration_document_free(d);
	if (err != 0)
		return err;
	(void)snprintf(f->unsupported, sizeof(f->unsupported), "%s", what);
	return ERR_UNSUPPORTED;
}

static int file_update(void *ctx, struct now now, struct slice document, struct configuration *out)
{
	struct configuration_file *f = ctx;
	struct configuration_document *d;
	char detail[200];
	int err;

	err = configuration_document_parse(&d, document, f->current->overlay_name, detail, sizeof(detail));
	if (err == ERR_UNSUPPORTED)
		return document_unsupported(f, now.wall, document, detail);
	if (err != 0)
		return ERR_CONFIG;
	err = document_follows(f, d, now.wall);
	if (err == 0)
		err = file_replace(f->path, d->bytes);
	if (err != 0) {
		configuration_document_free(d);
		return err == ERR_IO ? ERR_CONFIG : err;
	}
	configuration_document_free(f->document);
	f->document = d;
	*f->current = d->configuration;
	f->learned_count = 0;
	*out = *f->current;
	return 0;
}

/* Who signed the Kind when it came first: by itself, or in the document. NULL: it has no definition yet. */
static const struct node_id *kind_signer(const struct configuration_file *f, uint32_t id)
{
	const struct configuration_document *d = f->document;

	for (size_t i = 0; i < f->learned_count; i++)
		if (f->learned[i].id == id)
			return &f->learned[i].signer;
	for (size_t i = 0; i < d->kind_block_count; i++)
		if (d->kind_blocks[i].kind.id == id)
			return &d->kind_blocks[i].signer;
	return NULL;
}

/* A Kind keeps the signer it first came with (6.5.4.2). */
static int learned_check(struct configuration_file *f, uint32_t id, const struct node_id *signer)
{
	const struct node_id *first = kind_signer(f, id);

	if (first != NULL)
		return node_id_equal(first, signer) ? 0 : ERR_FORBIDDEN;
	if (f->learned_count < KINDS_MAX)
		f->learned[f->learned_count++] = (struct learned_kind){ id, *signer };
	return 0;
}

static int file_update_kind(void *ctx, struct now now, struct slice kind_block, struct configuration *out)
{
	struct configuration_file *f = ctx;
	struct kind *kind = memory_alloc(sizeof(*kind));
	struct node_id signer;
	char detail[200];
	int err;

	err = configuration_document_kind(f->document, now.wall, kind_block, kind, &signer, detail,
					  sizeof(detail));
	if (err == ERR_SIGNATURE)
		err = ERR_FORBIDDEN;
	if (err == 0)
		err = learned_check(f, kind->id, &signer);
	if (err == 0)
		err = kind_add(&f->current->kinds, kind);
	if (err == 0)
		*out = *f->current;
	free(kind);
	return err;
}

static struct slice file_document(void *ctx)
{
	struct configuration_file *f = ctx;

	return f->document->bytes;
}

const struct configuration_ops configuration_file_ops = {
	.update = file_update,
	.update_kind = file_update_kind,
	.document = file_document,
};
