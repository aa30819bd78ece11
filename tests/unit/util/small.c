/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

#include "tests/unit/test.h"

#include "spdk/base64.h"
#include "spdk/bit_array.h"
#include "spdk/bit_pool.h"
#include "spdk/file.h"
#include "spdk/endian.h"
#include "spdk/histogram_data.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk/uuid.h"

static void
strings_are_built_and_cut(void)
{
	char text[64], *s, *host, *port, *p, **list, buf[8];
	uint64_t n;
	bool prefix;

	s = spdk_sprintf_alloc("%d-%s", 7, "x");
	s = spdk_sprintf_append_realloc(s, "+%03d", 5);
	CHECK_STR(s, "7-x+005");
	free(s);
	strcpy(text, "MiXed 1");
	CHECK_STR(spdk_strlwr(text), "mixed 1");
	strcpy(text, " \t in the middle \n");
	CHECK_STR(spdk_str_trim(text), "in the middle");
	strcpy(text, " \n");
	CHECK_STR(spdk_str_trim(text), "");
	strcpy(text, "line\r\n\n");
	CHECK_EQ(spdk_str_chomp(text), 3);
	CHECK_STR(text, "line");
	strcpy(text, "  a 'b c'  d\"e f\"g ");
	p = text;
	CHECK_STR(spdk_strsepq(&p, " "), "a");
	CHECK_STR(spdk_strsepq(&p, " "), "b c");
	CHECK_STR(spdk_strsepq(&p, " "), "de fg");
	CHECK(spdk_strsepq(&p, " ") == NULL);
	spdk_strcpy_pad(buf, "abc", 8, ' ');
	CHECK(memcmp(buf, "abc     ", 8) == 0);
	CHECK_EQ(spdk_strlen_pad(buf, 8, ' '), 3);
	spdk_strcpy_pad(buf, "abcdefghij", 8, ' ');
	CHECK(memcmp(buf, "abcdefgh", 8) == 0);
	CHECK_STR(spdk_strerror(-ENOENT), "No such file or directory");

	strcpy(text, "10.0.0.1:4420");
	CHECK_EQ(spdk_parse_ip_addr(text, &host, &port), 0);
	CHECK(strcmp(host, "10.0.0.1") == 0 && strcmp(port, "4420") == 0);
	strcpy(text, "[::1]:80");
	CHECK_EQ(spdk_parse_ip_addr(text, &host, &port), 0);
	CHECK(strcmp(host, "::1") == 0 && strcmp(port, "80") == 0);
	strcpy(text, "[::1]");
	CHECK(spdk_parse_ip_addr(text, &host, &port) == 0 && port == NULL);
	strcpy(text, "[::1");
	CHECK_EQ(spdk_parse_ip_addr(text, &host, &port), -EINVAL);

	CHECK(spdk_parse_capacity("472", &n, &prefix) == 0 && n == 472 && !prefix);
	CHECK(spdk_parse_capacity("4K", &n, &prefix) == 0 && n == 4096 && prefix);
	CHECK(spdk_parse_capacity("3gB", &n, NULL) == 0 && n == 3ULL << 30);
	CHECK_EQ(spdk_parse_capacity("-1", &n, NULL), -EINVAL);
	CHECK_EQ(spdk_parse_capacity("1kk", &n, NULL), -EINVAL);
	CHECK_EQ(spdk_parse_capacity("1T", &n, NULL), -EINVAL);
	CHECK_EQ(spdk_parse_capacity("", &n, NULL), -EINVAL);
	CHECK_EQ(spdk_parse_capacity("99999999999999999999", &n, NULL), -ERANGE);
	CHECK_EQ(spdk_parse_capacity("17179869184G", &n, NULL), -ERANGE);

	CHECK_EQ(spdk_strtol("15", 10), 15);
	CHECK_EQ(spdk_strtol("0x10", 0), 16);
	CHECK(spdk_strtol("-1", 10) < 0);
	CHECK_EQ(spdk_strtol("1x", 10), -EINVAL);
	CHECK_EQ(spdk_strtol("", 10), -EINVAL);
	CHECK_EQ(spdk_strtoll("99999999999999999999", 10), -ERANGE);

	list = spdk_strarray_from_string("a,,b:c", ",:");
	CHECK(strcmp(list[0], "a") == 0 && strcmp(list[1], "") == 0 && strcmp(list[3], "c") == 0);
	CHECK(list[4] == NULL);
	spdk_strarray_free(list);
	spdk_strarray_free(NULL);
	CHECK_EQ(spdk_strcpy_replace(text, sizeof(text), "a%b%", "%", "xyz"), 0);
	CHECK_STR(text, "axyzbxyz");
	CHECK_EQ(spdk_strcpy_replace(text, 9, "a%b%", "%", "xyz"), 0);
	CHECK_EQ(spdk_strcpy_replace(text, 8, "a%b%", "%", "xyz"), -EINVAL);
	CHECK(spdk_mem_all_zero("\0\0\0", 3) && !spdk_mem_all_zero("\0\0\1", 3));
	CHECK(!spdk_mem_all_zero("\1\0", 2) && spdk_mem_all_zero("", 0));
}

static void
base64_goes_there_and_back(void)
{
	static const char *const vectors[][2] = {
		{ "f", "Zg==" },        { "fo", "Zm8=" },        { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = {
		"", "Z", "Zg=", "Z===", "Zg==x", "Z*==", "====", "Zm9vY"
	};
	char text[16];
	uint8_t raw[16];
	size_t i, len;

	for (i = 0; i < SPDK_COUNTOF(vectors); i++) {
		len = strlen(vectors[i][0]);
		CHECK_EQ(spdk_base64_encode(text, vectors[i][0], len), 0);
		CHECK_STR(text, vectors[i][1]);
		CHECK_EQ(strlen(text), spdk_base64_get_encoded_strlen(len));
		CHECK_EQ(spdk_base64_decode(raw, &len, text), 0);
		CHECK_EQ(len, strlen(vectors[i][0]));
		CHECK(memcmp(raw, vectors[i][0], len) == 0);
		CHECK(spdk_base64_get_decoded_len(strlen(text)) >= len);
	}
	CHECK(spdk_base64_decode(NULL, &len, "Zm9vYg") == 0 && len == 4);
	CHECK_EQ(spdk_base64_urlsafe_encode(text, "\xff\xfe\xfb", 3), 0);
	CHECK_STR(text, "__77");
	CHECK_EQ(spdk_base64_urlsafe_decode(raw, &len, text), 0);
	CHECK_EQ(spdk_base64_decode(raw, &len, text), -EINVAL);
	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		CHECK_EQ(spdk_base64_decode(raw, &len, bad[i]), -EINVAL);
	}
	CHECK_EQ(spdk_base64_encode(text, "", 0), -EINVAL);
}

static void
bits_are_found(void)
{
	struct spdk_bit_array *ba = spdk_bit_array_create(130);
	uint8_t mask[17];
	uint32_t i;

	REQUIRE(ba != NULL);
	CHECK_EQ(spdk_bit_array_capacity(ba), 130);
	CHECK_EQ(spdk_bit_array_find_first_set(ba, 0), UINT32_MAX);
	CHECK_EQ(spdk_bit_array_find_first_clear(ba, 129), 129);
	CHECK_EQ(spdk_bit_array_find_first_clear(ba, 130), UINT32_MAX);
	CHECK_EQ(spdk_bit_array_set(ba, 130), -EINVAL);
	CHECK_EQ(spdk_bit_array_set(ba, 64), 0);
	CHECK_EQ(spdk_bit_array_set(ba, 129), 0);
	CHECK(spdk_bit_array_get(ba, 64) && !spdk_bit_array_get(ba, 63));
	CHECK(!spdk_bit_array_get(ba, 500));
	CHECK_EQ(spdk_bit_array_find_first_set(ba, 0), 64);
	CHECK_EQ(spdk_bit_array_find_first_set(ba, 65), 129);
	CHECK_EQ(spdk_bit_array_count_set(ba), 2);
	CHECK_EQ(spdk_bit_array_count_clear(ba), 128);
	spdk_bit_array_store_mask(ba, mask);
	CHECK(mask[8] == 1 && mask[16] == 2 && mask[0] == 0);
	CHECK_EQ(spdk_bit_array_resize(&ba, 100), 0);
	CHECK_EQ(spdk_bit_array_resize(&ba, 200), 0);
	CHECK_EQ(spdk_bit_array_count_set(ba), 1);
	CHECK_EQ(spdk_bit_array_resize(&ba, 130), 0);
	memset(mask, 0xff, sizeof(mask));
	spdk_bit_array_load_mask(ba, mask);
	CHECK_EQ(spdk_bit_array_count_set(ba), 130);
	CHECK_EQ(spdk_bit_array_find_first_clear(ba, 0), UINT32_MAX);
	for (i = 0; i < 130; i += 2) {
		spdk_bit_array_clear(ba, i);
	}
	CHECK_EQ(spdk_bit_array_find_first_clear(ba, 1), 2);
	CHECK_EQ(spdk_bit_array_count_set(ba), 65);
	spdk_bit_array_clear_mask(ba);
	CHECK_EQ(spdk_bit_array_count_set(ba), 0);
	CHECK_EQ(spdk_bit_array_resize(&ba, UINT32_MAX), -EINVAL);
	spdk_bit_array_free(&ba);
	CHECK(ba == NULL);
}

static void
vectors_are_copied(void)
{
	char src[] = "0123456789", dst[16], out[16];
	struct iovec from[] = { { src, 3 }, { src + 3, 0 }, { src + 3, 7 } };
	struct iovec to[] = { { dst, 4 }, { dst + 4, 4 } };
	struct spdk_iov_xfer ix;

	memset(dst, 0, sizeof(dst));
	CHECK_EQ(spdk_iovcpy(from, 3, to, 2), 8);
	CHECK(memcmp(dst, "01234567", 9) == 0);
	CHECK_EQ(spdk_iovcpy(from, 0, to, 2), 0);
	/* Over itself, two bytes on. */
	to[0] = (struct iovec){ src + 2, 8 };
	from[0] = (struct iovec){ src, 8 };
	CHECK_EQ(spdk_iovmove(from, 1, to, 1), 8);
	CHECK(memcmp(src, "0101234567", 10) == 0);

	to[0] = (struct iovec){ dst, 4 };
	spdk_iov_xfer_init(&ix, to, 2);
	CHECK_EQ(spdk_iov_xfer_from_buf(&ix, "abcde", 5), 5);
	CHECK_EQ(spdk_iov_xfer_from_buf(&ix, "fghij", 5), 3);
	CHECK(memcmp(dst, "abcdefgh", 8) == 0);
	spdk_iov_xfer_init(&ix, to, 2);
	CHECK_EQ(spdk_iov_xfer_to_buf(&ix, out, 3), 3);
	CHECK_EQ(spdk_iov_xfer_to_buf(&ix, out + 3, 13), 5);
	CHECK(memcmp(out, "abcdefgh", 8) == 0);
	spdk_iov_memset(to, 2, 'x');
	spdk_copy_iovs_to_buf(out, 8, to, 2);
	CHECK(memcmp(out, "xxxxxxxx", 8) == 0);
}

static void
numbers(void)
{
	uint8_t b[8];

	CHECK_EQ(spdk_u32log2(0), 0);
	CHECK_EQ(spdk_u32log2(1), 0);
	CHECK_EQ(spdk_u32log2(UINT32_MAX), 31);
	CHECK_EQ(spdk_u64log2(1ULL << 40), 40);
	CHECK_EQ(spdk_align32pow2(5), 8);
	CHECK_EQ(spdk_align64pow2(8), 8);
	CHECK(spdk_u32_is_pow2(64) && !spdk_u32_is_pow2(0) && !spdk_u64_is_pow2(6));
	CHECK_EQ(spdk_round_up(10, 4), 12);
	CHECK_EQ(SPDK_ALIGN_CEIL(10, 8), 16);
	CHECK_EQ(SPDK_ALIGN_FLOOR(10, 8), 8);
	CHECK(spdk_sn32_lt(UINT32_MAX, 1) && spdk_sn32_gt(1, UINT32_MAX) && !spdk_sn32_lt(1, 1));
	to_be32(b, 0x01020304);
	CHECK(b[0] == 1 && b[3] == 4 && from_be32(b) == 0x01020304 && from_le32(b) == 0x04030201);
	to_le64(b, 0x0102030405060708);
	CHECK(b[0] == 8 && from_be64(b) == 0x0807060504030201);
}

static void
uuids(void)
{
	struct spdk_uuid a, b;
	char text[SPDK_UUID_STRING_LEN];

	CHECK_EQ(spdk_uuid_parse(&a, "6BA7B810-9dad-11d1-80b4-00c04fd430c8"), 0);
	CHECK_EQ(a.u.raw[0], 0x6b);
	CHECK_EQ(spdk_uuid_fmt_lower(text, sizeof(text), &a), 0);
	CHECK_STR(text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	CHECK_EQ(spdk_uuid_fmt_lower(text, 36, &a), -EINVAL);
	CHECK_EQ(spdk_uuid_parse(&b, "6ba7b810"), -EINVAL);
	/* Appendix B of RFC 4122 as corrected: the DNS namespace and www.example.com. */
	CHECK_EQ(spdk_uuid_generate_sha1(&b, &a, "www.example.com", 15), 0);
	spdk_uuid_fmt_lower(text, sizeof(text), &b);
	CHECK_STR(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
	spdk_uuid_generate(&a);
	CHECK(!spdk_uuid_is_null(&a) && spdk_uuid_compare(&a, &b) != 0);
	spdk_uuid_copy(&b, &a);
	CHECK_EQ(spdk_uuid_compare(&a, &b), 0);
	spdk_uuid_set_null(&a);
	CHECK(spdk_uuid_is_null(&a));
}

static uint64_t g_last_end, g_counted;

static void
check_bucket(void *ctx, uint64_t start, uint64_t end, uint64_t count, uint64_t total,
             uint64_t so_far)
{
	const uint64_t *value = ctx;

	CHECK_EQ(start, g_last_end);
	CHECK(end > start || end == 0);
	g_last_end = end;
	if (count > 0) {
		CHECK(*value >= start && (*value < end || end == 0));
		g_counted += count;
		CHECK_EQ(so_far, total);
	}
}

static void
histograms_hold_what_was_tallied(void)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 129, 255, 256, 1000000, 1ULL << 40 };
	struct spdk_histogram_data *h = spdk_histogram_data_alloc(), *sum;
	uint64_t value;
	size_t i;

	sum = spdk_histogram_data_alloc();
	REQUIRE(h != NULL && sum != NULL);
	for (i = 0; i < SPDK_COUNTOF(values); i++) {
		spdk_histogram_data_reset(h);
		spdk_histogram_data_tally(h, values[i]);
		value = values[i];
		g_last_end = g_counted = 0;
		spdk_histogram_data_iterate(h, check_bucket, &value);
		CHECK_EQ(g_counted, 1);
		CHECK_EQ(spdk_histogram_data_merge(sum, h), 0);
	}
	value = 0;
	for (i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(sum); i++) {
		value += sum->bucket[i];
	}
	CHECK_EQ(value, SPDK_COUNTOF(values));
	spdk_histogram_data_free(sum);
	sum = spdk_histogram_data_alloc_sized(5);
	CHECK_EQ(spdk_histogram_data_merge(sum, h), -EINVAL);
	spdk_histogram_data_free(sum);
	spdk_histogram_data_free(h);
	spdk_histogram_data_free(NULL);
	CHECK(spdk_histogram_data_alloc_sized_ext(7, 5, 5) == NULL);
}

static void
values_are_counted_up_to_borders(void)
{
	struct spdk_histogram_data *h = spdk_histogram_data_alloc();
	uint64_t borders[] = { 5, 10, 100, 1000000 };
	struct spdk_histogram_borders *b;
	uint64_t i;

	REQUIRE(h != NULL);
	CHECK(spdk_histogram_get_borders_count_alloc_ctx(borders, 0) == NULL);
	b = spdk_histogram_get_borders_count_alloc_ctx(borders, SPDK_COUNTOF(borders));
	REQUIRE(b != NULL);
	for (i = 0; i < 50; i++) {
		spdk_histogram_data_tally(h, i);
	}
	spdk_histogram_data_tally(h, UINT64_MAX / 2);
	spdk_histogram_get_borders_count(h, b);
	CHECK_EQ(b->num_borders_count, 5);
	CHECK_EQ(b->border_count[0], 6);
	CHECK_EQ(b->border_count[1], 11);
	CHECK_EQ(b->border_count[2], 50);
	CHECK_EQ(b->border_count[3], 50);
	CHECK_EQ(b->border_count[4], 51);
	spdk_histogram_get_borders_count_free_ctx(b);
	spdk_histogram_data_free(h);
}

static void
numbers_are_handed_out(void)
{
	struct spdk_bit_pool *pool = NULL;
	struct spdk_bit_array *array;
	uint8_t mask[16] = { 0 };
	uint32_t i;

	CHECK_EQ(spdk_bit_pool_resize(NULL, 4), -EINVAL);
	CHECK_EQ(spdk_bit_pool_resize(&pool, UINT32_MAX), -EINVAL);
	CHECK(pool == NULL);
	CHECK_EQ(spdk_bit_pool_resize(&pool, 70), 0);
	CHECK_EQ(spdk_bit_pool_capacity(pool), 70);
	for (i = 0; i < 70; i++) {
		CHECK(!spdk_bit_pool_is_allocated(pool, i));
		CHECK_EQ(spdk_bit_pool_allocate_bit(pool), i);
		CHECK(spdk_bit_pool_is_allocated(pool, i));
	}
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), UINT32_MAX);
	CHECK(!spdk_bit_pool_is_allocated(pool, 70));
	CHECK_EQ(spdk_bit_pool_set_bit_allocated(pool, 70), -EINVAL);
	CHECK_EQ(spdk_bit_pool_set_bit_allocated(pool, 69), -EBUSY);
	spdk_bit_pool_free_bit(pool, 65);
	spdk_bit_pool_free_bit(pool, 3);
	CHECK_EQ(spdk_bit_pool_count_free(pool), 2);
	CHECK_EQ(spdk_bit_pool_set_bit_allocated(pool, 3), 0);
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), 65);
	CHECK_EQ(spdk_bit_pool_count_allocated(pool), 70);
	/* More of them, fewer of them. */
	CHECK_EQ(spdk_bit_pool_resize(&pool, 100), 0);
	CHECK_EQ(spdk_bit_pool_count_free(pool), 30);
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), 70);
	CHECK_EQ(spdk_bit_pool_resize(&pool, 10), 0);
	CHECK_EQ(spdk_bit_pool_count_free(pool), 0);
	spdk_bit_pool_free_all_bits(pool);
	CHECK_EQ(spdk_bit_pool_count_allocated(pool), 0);
	mask[0] = 0x07;
	spdk_bit_pool_load_mask(pool, mask);
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), 3);
	spdk_bit_pool_store_mask(pool, mask);
	CHECK_EQ(mask[0], 0x0f);
	spdk_bit_pool_free(&pool);
	CHECK(pool == NULL);
	spdk_bit_pool_free(&pool);
	spdk_bit_pool_free(NULL);

	array = spdk_bit_array_create(8);
	REQUIRE(array != NULL);
	spdk_bit_array_set(array, 0);
	pool = spdk_bit_pool_create_from_array(array);
	REQUIRE(pool != NULL);
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), 1);
	spdk_bit_pool_free(&pool);
	pool = spdk_bit_pool_create(0);
	REQUIRE(pool != NULL);
	CHECK_EQ(spdk_bit_pool_allocate_bit(pool), UINT32_MAX);
	spdk_bit_pool_free(&pool);
}

static void
files_are_read_whole(void)
{
	char path[] = "/tmp/cal-unit-file-XXXXXX", *text = NULL;
	size_t size, len = 200000, i;
	uint8_t *data, *loaded;
	uint32_t number = 7;
	FILE *file;
	int fd = mkstemp(path);

	data = malloc(len);
	REQUIRE(fd >= 0 && data != NULL);
	for (i = 0; i < len; i++) {
		data[i] = (uint8_t)(i * 7);
	}
	CHECK_EQ(write(fd, data, len), (ssize_t)len);
	loaded = spdk_posix_file_load_from_name(path, &size);
	REQUIRE(loaded != NULL);
	CHECK_EQ(size, len);
	CHECK_EQ(memcmp(loaded, data, len), 0);
	free(loaded);
	free(data);
	CHECK(spdk_posix_file_load_from_name("/tmp", &size) == NULL);
	CHECK(spdk_posix_file_load_from_name("/tmp/no/such", &size) == NULL);
	file = fopen("/dev/null", "r");
	REQUIRE(file != NULL);
	loaded = spdk_posix_file_load(file, &size);
	CHECK(loaded != NULL && size == 0);
	free(loaded);
	fclose(file);

	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(spdk_read_sysfs_attribute(&text, "%s", path), -ENOENT);
	CHECK_EQ(pwrite(fd, "0x10\nmore\n", 10, 0), 10);
	CHECK_EQ(spdk_read_sysfs_attribute(&text, "%s", path), 0);
	CHECK_STR(text, "0x10");
	free(text);
	CHECK_EQ(spdk_read_sysfs_attribute_uint32(&number, "%s", path), 0);
	CHECK_EQ(number, 16);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(pwrite(fd, "4294967296", 10, 0), 10);
	CHECK_EQ(spdk_read_sysfs_attribute_uint32(&number, "%s", path), -ERANGE);
	CHECK_EQ(pwrite(fd, "12 monkeys", 10, 0), 10);
	CHECK_EQ(spdk_read_sysfs_attribute_uint32(&number, "%s", path), -EINVAL);
	CHECK_EQ(spdk_read_sysfs_attribute(&text, "/tmp/no/%s", "such"), -ENOENT);
	CHECK_EQ(number, 16);
	close(fd);
	unlink(path);
}

static const struct test_case cases[] = {
	TEST(strings_are_built_and_cut),
	TEST(base64_goes_there_and_back),
	TEST(bits_are_found),
	TEST(vectors_are_copied),
	TEST(numbers),
	TEST(uuids),
	TEST(histograms_hold_what_was_tallied),
	TEST(values_are_counted_up_to_borders),
	TEST(numbers_are_handed_out),
	TEST(files_are_read_whole),
};

TEST_MAIN("util/small", cases)
