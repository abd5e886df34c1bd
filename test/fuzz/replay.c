/* SPDX-License-Identifier: MIT */
/* Runs one fuzz target over every file of the folders given as arguments: a corpus as a plain test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (1u << 20) /* bytes of an input that are used, as libFuzzer's default */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 when `path` was run, 0 when it is no ordinary file; stops the program when it cannot be read. */
static unsigned replay_file(const char *path)
{
	uint8_t *exact, *bytes = malloc(FILE_MAX);
	struct stat about;
	size_t len;
	FILE *file;

	if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
		free(bytes);
		return 0;
	}
	file = fopen(path, "rb");
	if (file == NULL || bytes == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	len = fread(bytes, 1, FILE_MAX, file);
	fclose(file);
	/* A block of the exact size, so that a sanitizer sees one byte too many being read. */
	exact = malloc(len == 0 ? 1 : len);
	if (exact == NULL)
		abort();
	memcpy(exact, bytes, len);
	free(bytes);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 1;
}

static unsigned replay_folder(const char *folder)
{
	char path[4096];
	struct dirent *entry;
	unsigned count = 0;
	DIR *dir = opendir(folder);

	if (dir == NULL) {
		perror(folder);
		exit(EXIT_FAILURE);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count += replay_file(path);
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++)
		count += replay_folder(argv[i]);
	printf("%u inputs\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
