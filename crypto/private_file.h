/* SPDX-License-Identifier: MIT */
/* Files and folders that only their owner may read: 0600 and 0700, owned by this process's user, not
 * symbolic links. Everything else is refused with ERR_PERMISSION and a message that says what to do. */
#ifndef CRYPTO_PRIVATE_FILE_H
#define CRYPTO_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overlay/base/error.h"
#include "overlay/base/slice.h"

/* Checks a folder. ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO. */
int MUST_CHECK private_folder_check(const char *path, char *detail, size_t detail_size);

/* Makes the folder (0700; its parent must exist) unless it is there, then checks it. */
int MUST_CHECK private_folder_create(const char *path, char *detail, size_t detail_size);

/* Checks a file without reading it (a database). ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO. */
int MUST_CHECK private_file_check(const char *path, char *detail, size_t detail_size);

/* Makes an empty file (0600) unless it is there, then checks it: before a database is opened. */
int MUST_CHECK private_file_create(const char *path, char *detail, size_t detail_size);

/* Checks and reads all of a file of at most `max` bytes. A NUL follows the last byte. Freed with
 * private_file_free. ERR_NOT_FOUND, ERR_PERMISSION, ERR_LIMIT, ERR_IO. */
int MUST_CHECK private_file_read(const char *path, size_t max, uint8_t **bytes, size_t *len, char *detail,
				 size_t detail_size);

/* Wipes and frees. NULL is fine. */
void private_file_free(uint8_t *bytes, size_t len);

/* Writes a file (0600) so that after a crash the old or the new one is there: temporary file, fsync,
 * rename, fsync of the folder. `replace` false: ERR_DUPLICATE when it exists. ERR_IO, ERR_PERMISSION. */
int MUST_CHECK private_file_write(const char *path, struct slice bytes, bool replace, char *detail,
				  size_t detail_size);

#endif
