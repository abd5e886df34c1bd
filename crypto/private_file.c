/* SPDX-License-Identifier: MIT */
/* Files and folders that only their owner may read. Checks are made on open descriptors, so that what is
 * checked is what is read. */
#include "crypto/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/base/invariant.h"

#define PRIVATE_PATH_MAX 4096 /* bytes */

/* Says why in `detail` and returns the ERR_* for errno. */
static int private_file_errno(const char *what, const char *path, char *detail, size_t size)
{
	int number = errno;

	snprintf(detail, size, "%s %s: %s", path, what, strerror(number));
	if (number == ENOENT)
		return ERR_NOT_FOUND;
	if (number == ELOOP || number == EACCES || number == EPERM || number == ENOTDIR)
		return ERR_PERMISSION;
	return number == EEXIST ? ERR_DUPLICATE : ERR_IO;
}

/* The rule itself: type, owner, no bits for anybody else. */
static int private_file_judge(int fd, bool folder, const char *path, char *detail, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return private_file_errno("cannot be examined", path, detail, size);
	if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
		snprintf(detail, size, "%s is not a %s", path, folder ? "folder" : "regular file");
		return ERR_PERMISSION;
	}
	if (st.st_uid != geteuid()) {
		snprintf(detail, size, "%s belongs to another user: run chown %u on it", path,
			 (unsigned)geteuid());
		return ERR_PERMISSION;
	}
	if ((st.st_mode & 077) != 0) {
		snprintf(detail, size, "%s is open to others (mode %04o): run chmod %s on it", path,
			 (unsigned)(st.st_mode & 07777), folder ? "0700" : "0600");
		return ERR_PERMISSION;
	}
	return 0;
}

/* Opens and checks. The descriptor is >= 0, an error negative; ERR_* and descriptors cannot be mixed up. */
static int private_file_open(const char *path, bool folder, int flags, char *detail, size_t size)
{
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	int err;

	if (fd < 0)
		return private_file_errno(errno == ELOOP ? "is a symbolic link" : "cannot be opened",
					  path, detail, size);
	err = private_file_judge(fd, folder, path, detail, size);
	if (err != 0) {
		close(fd);
		return err;
	}
	return fd;
}

int private_folder_check(const char *path, char *detail, size_t detail_size)
{
	int fd = private_file_open(path, true, O_RDONLY | O_DIRECTORY, detail, detail_size);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int private_folder_create(const char *path, char *detail, size_t detail_size)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return private_file_errno("cannot be made", path, detail, detail_size);
	return private_folder_check(path, detail, detail_size);
}

int private_file_check(const char *path, char *detail, size_t detail_size)
{
	int fd = private_file_open(path, false, O_RDONLY, detail, detail_size);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int private_file_create(const char *path, char *detail, size_t detail_size)
{
	int fd = private_file_open(path, false, O_RDWR | O_CREAT, detail, detail_size);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int private_file_read(const char *path, size_t max, uint8_t **bytes, size_t *len, char *detail,
		      size_t detail_size)
{
	int fd = private_file_open(path, false, O_RDONLY, detail, detail_size);
	uint8_t *buffer;
	size_t used = 0;

	*bytes = NULL;
	*len = 0;
	if (fd < 0)
		return fd;
	/* One byte more than allowed tells a file that is too long; another one is for the NUL. */
	buffer = memory_alloc(max + 2);
	for (;;) {
		ssize_t n = read(fd, buffer + used, max + 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = private_file_errno("cannot be read", path, detail, detail_size);

			close(fd);
			private_file_free(buffer, max + 2);
			return err;
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max) {
			snprintf(detail, detail_size, "%s is longer than %zu bytes", path, max);
			close(fd);
			private_file_free(buffer, max + 2);
			return ERR_LIMIT;
		}
	}
	close(fd);
	*bytes = buffer;
	*len = used;
	return 0;
}

void private_file_free(uint8_t *bytes, size_t len)
{
	if (bytes == NULL)
		return;
	OPENSSL_cleanse(bytes, len);
	free(bytes);
}

static int private_file_write_all(int fd, struct slice bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.data + done, bytes.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		done += (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : ERR_IO;
}

/* A rename is on disk only once its folder is. */
static int private_file_sync_folder(const char *path)
{
	char folder[PRIVATE_PATH_MAX];
	char *slash;
	int fd, err;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder ? 1 : 0] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	err = fsync(fd) == 0 ? 0 : ERR_IO;
	close(fd);
	return err;
}

int private_file_write(const char *path, struct slice bytes, bool replace, char *detail, size_t detail_size)
{
	char temporary[PRIVATE_PATH_MAX];
	int fd, err;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary)) {
		snprintf(detail, detail_size, "the path is longer than %d bytes", PRIVATE_PATH_MAX);
		return ERR_LIMIT;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return private_file_errno("cannot be written", path, detail, detail_size);
	err = fchmod(fd, 0600) == 0 ? private_file_write_all(fd, bytes) : ERR_IO;
	if (err != 0)
		err = private_file_errno("cannot be written", path, detail, detail_size);
	close(fd);
	/* link() refuses to replace, rename() replaces: both at once or not at all. */
	if (err == 0 && (replace ? rename(temporary, path) : link(temporary, path)) != 0)
		err = private_file_errno(errno == EEXIST ? "is there already" : "cannot be put in place",
					 path, detail, detail_size);
	if (err != 0 || !replace)
		unlink(temporary);
	if (err == 0 && private_file_sync_folder(path) != 0)
		err = private_file_errno("cannot be made permanent", path, detail, detail_size);
	return err;
}
