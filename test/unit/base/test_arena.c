/* SPDX-License-Identifier: MIT */
/* Tests of arena.c. */
#include "overlay/base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "test/unit/run.h"

START_TEST(arena_alloc_gives_zeroed_aligned_bytes)
{
	struct arena a;

	arena_init(&a, 100000);
	for (int round = 0; round < 3; round++) {
		for (size_t len = 0; len < 300; len++) {
			uint8_t *bytes = arena_alloc(&a, len);

			ck_assert_ptr_nonnull(bytes);
			ck_assert_uint_eq((uintptr_t)bytes % alignof(max_align_t), 0);
			for (size_t i = 0; i < len; i++)
				ck_assert_uint_eq(bytes[i], 0);
			memset(bytes, 0xa5, len);
		}
		arena_reset(&a);
		ck_assert_uint_eq(a.used, 0);
	}
	arena_free(&a);
}
END_TEST

START_TEST(arena_alloc_fails_beyond_the_cap)
{
	struct arena a;

	arena_init(&a, 4096);
	ck_assert_ptr_null(arena_alloc(&a, 4097));
	ck_assert_ptr_nonnull(arena_alloc(&a, 4000));
	ck_assert_ptr_null(arena_alloc(&a, 100));
	ck_assert_ptr_nonnull(arena_alloc(&a, 96));
	ck_assert_ptr_null(arena_alloc(&a, 1));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	arena_reset(&a);
	ck_assert_ptr_nonnull(arena_alloc(&a, 4096));
	arena_free(&a);
}
END_TEST

START_TEST(arena_alloc_serves_more_than_a_chunk)
{
	struct arena a;
	uint8_t *large, *small;

	arena_init(&a, 1 << 20);
	small = arena_alloc(&a, 10);
	large = arena_alloc(&a, 500000);
	memset(large, 1, 500000);
	ck_assert_uint_eq(small[9], 0);
	arena_reset(&a);
	ck_assert_ptr_nonnull(a.chunks);
	arena_free(&a);
	ck_assert_ptr_null(a.chunks);
}
END_TEST

START_TEST(arena_array_fails_when_the_product_overflows)
{
	struct arena a;

	arena_init(&a, SIZE_MAX);
	ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 4));
	ck_assert_ptr_nonnull(arena_array(&a, 3, 5));
	arena_free(&a);
}
END_TEST

START_TEST(arena_copy_copies_or_says_so)
{
	struct arena a;
	struct slice copy;

	arena_init(&a, 16);
	copy = arena_copy(&a, slice_text("Peal"));
	ck_assert(slice_equal(copy, slice_text("Peal")));
	ck_assert_ptr_null(arena_copy(&a, slice_text("more")).data);
	ck_assert_uint_eq(arena_copy(&a, SLICE_EMPTY).len, 0);
	arena_free(&a);
}
END_TEST

int main(void)
{
	return RUN_TESTS("arena", arena_alloc_gives_zeroed_aligned_bytes, arena_alloc_fails_beyond_the_cap,
			 arena_alloc_serves_more_than_a_chunk,
			 arena_array_fails_when_the_product_overflows, arena_copy_copies_or_says_so);
}
