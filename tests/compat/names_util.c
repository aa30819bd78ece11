/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Calandria authors
 */

/* Every public name of the small headers of SPDK v26.05 that programs for the runtime include. */

#include "names.h"

#include "spdk/cpuset.h"
#include "spdk/util.h"
#include "spdk/string.h"
#include "spdk/log.h"
#include "spdk/likely.h"
#include "spdk/assert.h"
#include "spdk/barrier.h"
#include "spdk/endian.h"
#include "spdk/uuid.h"
#include "spdk/histogram_data.h"
#include "spdk/bit_array.h"
#include "spdk/bit_pool.h"
#include "spdk/fd.h"
#include "spdk/file.h"
#include "spdk/queue.h"
#include "spdk/queue_extras.h"
#include "spdk/base64.h"
#include "spdk_internal/usdt.h"
#include "spdk_internal/assert.h"

/* spdk/cpuset.h */

FUNCTION(spdk_cpuset_alloc, struct spdk_cpuset *(void));
FUNCTION(spdk_cpuset_free, void(struct spdk_cpuset *));
FUNCTION(spdk_cpuset_equal, bool(const struct spdk_cpuset *, const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_copy, void(struct spdk_cpuset *, const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_and, void(struct spdk_cpuset *, const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_or, void(struct spdk_cpuset *, const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_xor, void(struct spdk_cpuset *, const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_negate, void(struct spdk_cpuset *));
FUNCTION(spdk_cpuset_zero, void(struct spdk_cpuset *));
FUNCTION(spdk_cpuset_set_cpu, void(struct spdk_cpuset *, uint32_t, bool));
FUNCTION(spdk_cpuset_get_cpu, bool(const struct spdk_cpuset *, uint32_t));
FUNCTION(spdk_cpuset_for_each_cpu,
         void(const struct spdk_cpuset *, void (*)(void *, uint32_t), void *));
FUNCTION(spdk_cpuset_count, uint32_t(const struct spdk_cpuset *));
FUNCTION(spdk_cpuset_fmt, const char *(struct spdk_cpuset *));
FUNCTION(spdk_cpuset_parse, int(struct spdk_cpuset *, const char *));

TYPE(struct spdk_cpuset);
FIELD(struct spdk_cpuset, str, char[257]);
FIELD(struct spdk_cpuset, cpus, uint8_t[128]);

#if !defined(SPDK_CPUSET_SIZE)
#error "a macro of spdk/cpuset.h is missing"
#endif

/* spdk/util.h */

FUNCTION(spdk_u32log2, uint32_t(uint32_t));
FUNCTION(spdk_rand_xorshift64, uint64_t(uint64_t *));
FUNCTION(spdk_rand_xorshift64_seed, uint64_t(void));
FUNCTION(spdk_align32pow2, uint32_t(uint32_t));
FUNCTION(spdk_u64log2, uint64_t(uint64_t));
FUNCTION(spdk_align64pow2, uint64_t(uint64_t));
FUNCTION(spdk_u32_is_pow2, bool(uint32_t));
FUNCTION(spdk_u64_is_pow2, bool(uint64_t));
FUNCTION(spdk_divide_round_up, uint64_t(uint64_t, uint64_t));
FUNCTION(spdk_round_up, uint64_t(uint64_t, uint64_t));
FUNCTION(spdk_ioviter_first, size_t(struct spdk_ioviter *, struct iovec *, size_t, struct iovec *,
                                    size_t, void **, void **));
FUNCTION(spdk_ioviter_firstv,
         size_t(struct spdk_ioviter *, uint32_t, struct iovec **, size_t *, void **));
FUNCTION(spdk_ioviter_next, size_t(struct spdk_ioviter *, void **, void **));
FUNCTION(spdk_ioviter_nextv, size_t(struct spdk_ioviter *, void **));
FUNCTION(spdk_iov_memset, void(struct iovec *, int, int));
FUNCTION(spdk_iovcpy, size_t(struct iovec *, size_t, struct iovec *, size_t));
FUNCTION(spdk_iovmove, size_t(struct iovec *, size_t, struct iovec *, size_t));
FUNCTION(spdk_iov_xfer_init, void(struct spdk_iov_xfer *, struct iovec *, int));
FUNCTION(spdk_iov_xfer_from_buf, size_t(struct spdk_iov_xfer *, const void *, size_t));
FUNCTION(spdk_iov_xfer_to_buf, size_t(struct spdk_iov_xfer *, const void *, size_t));
FUNCTION(spdk_copy_iovs_to_buf, void(void *, size_t, struct iovec *, int));
FUNCTION(spdk_copy_buf_to_iovs, void(struct iovec *, int, void *, size_t));
FUNCTION(spdk_sn32_add, uint32_t(uint32_t, uint32_t));
FUNCTION(spdk_sn32_lt, bool(uint32_t, uint32_t));
FUNCTION(spdk_sn32_gt, bool(uint32_t, uint32_t));
FUNCTION(spdk_memset_s, void(void *, size_t, int, size_t));

TYPE(struct spdk_single_ioviter);
FIELD(struct spdk_single_ioviter, iov, struct iovec *);
FIELD(struct spdk_single_ioviter, iovcnt, size_t);
FIELD(struct spdk_single_ioviter, idx, size_t);
FIELD(struct spdk_single_ioviter, iov_len, size_t);
FIELD(struct spdk_single_ioviter, iov_base, uint8_t *);
TYPE(struct spdk_ioviter);
FIELD(struct spdk_ioviter, count, uint32_t);
MEMBER(struct spdk_ioviter, iters_compat);
MEMBER(struct spdk_ioviter, iters);
TYPE(struct spdk_iov_xfer);
FIELD(struct spdk_iov_xfer, iovs, struct iovec *);
FIELD(struct spdk_iov_xfer, iovcnt, int);
FIELD(struct spdk_iov_xfer, cur_iov_idx, int);
FIELD(struct spdk_iov_xfer, cur_iov_offset, size_t);

#if !defined(SPDK_CACHE_LINE_SIZE) || !defined(spdk_min) || !defined(spdk_max) ||                 \
	!defined(SPDK_COUNTOF) || !defined(SPDK_CONTAINEROF) || !defined(SPDK_SIZEOF) ||          \
	!defined(SPDK_SIZEOF_MEMBER) || !defined(SPDK_COUNTOF_MEMBER) ||                          \
	!defined(SPDK_SEC_TO_MSEC) || !defined(SPDK_SEC_TO_USEC) || !defined(SPDK_SEC_TO_NSEC) || \
	!defined(SPDK_MSEC_TO_USEC) || !defined(SPDK_CEIL_DIV) || !defined(SPDK_ALIGN_FLOOR) ||   \
	!defined(SPDK_ALIGN_CEIL) || !defined(SPDK_BIT) || !defined(SPDK_FIELD_VALID) ||          \
	!defined(SPDK_GET_FIELD) || !defined(SPDK_IOVITER_SIZE) || !defined(SPDK_IOV_ONE) ||      \
	!defined(SPDK_CLANG_ANALYZER_PREINIT_PTR_ARRAY) || !defined(SPDK_SN32_CMPMAX)
#error "a macro of spdk/util.h is missing"
#endif

/* spdk/string.h */

FUNCTION(spdk_sprintf_alloc, char *(const char *, ...));
FUNCTION(spdk_vsprintf_alloc, char *(const char *, va_list));
FUNCTION(spdk_sprintf_append_realloc, char *(char *, const char *, ...));
FUNCTION(spdk_vsprintf_append_realloc, char *(char *, const char *, va_list));
FUNCTION(spdk_strlwr, char *(char *));
FUNCTION(spdk_strsepq, char *(char **, const char *));
FUNCTION(spdk_str_trim, char *(char *));
FUNCTION(spdk_strerror_r, void(int, char *, size_t));
FUNCTION(spdk_strerror, const char *(int));
FUNCTION(spdk_str_chomp, size_t(char *));
FUNCTION(spdk_strcpy_pad, void(void *, const char *, size_t, int));
FUNCTION(spdk_strlen_pad, size_t(const void *, size_t, int));
FUNCTION(spdk_parse_ip_addr, int(char *, char **, char **));
FUNCTION(spdk_parse_capacity, int(const char *, uint64_t *, bool *));
FUNCTION(spdk_mem_all_zero, bool(const void *, size_t));
FUNCTION(spdk_strtol, long(const char *, int));
FUNCTION(spdk_strtoll, long long(const char *, int));
FUNCTION(spdk_strarray_from_string, char **(const char *, const char *));
FUNCTION(spdk_strarray_dup, char **(const char **));
FUNCTION(spdk_strarray_free, void(char **));
FUNCTION(spdk_strcpy_replace, int(char *, size_t, const char *, const char *, const char *));

#if !defined(SPDK_STRINGIFY)
#error "a macro of spdk/string.h is missing"
#endif

/* spdk/log.h */

FUNCTION(spdk_log_open, void(spdk_log_cb *));
FUNCTION(spdk_log_open_ext, void(struct spdk_log_opts *));
FUNCTION(spdk_log_close, void(void));
FUNCTION(spdk_log_enable_timestamps, void(bool));
FUNCTION(spdk_log_set_level, void(enum spdk_log_level));
FUNCTION(spdk_log_get_level, enum spdk_log_level(void));
FUNCTION(spdk_log_to_syslog_level, int(enum spdk_log_level));
FUNCTION(spdk_log_set_print_level, void(enum spdk_log_level));
FUNCTION(spdk_log_get_print_level, enum spdk_log_level(void));
FUNCTION(spdk_log,
         void(enum spdk_log_level, const char *, const int, const char *, const char *, ...));
FUNCTION(spdk_vlog,
         void(enum spdk_log_level, const char *, const int, const char *, const char *, va_list));
FUNCTION(spdk_flog, void(FILE *, const char *, const int, const char *, const char *, ...));
FUNCTION(spdk_vflog, void(FILE *, const char *, const int, const char *, const char *, va_list));
FUNCTION(spdk_log_dump, void(FILE *, const char *, const void *, size_t));
FUNCTION(spdk_log_register_flag, void(const char *, struct spdk_log_flag *));
FUNCTION(spdk_log_get_first_flag, struct spdk_log_flag *(void));
FUNCTION(spdk_log_get_next_flag, struct spdk_log_flag *(struct spdk_log_flag *));
FUNCTION(spdk_log_get_flag, bool(const char *));
FUNCTION(spdk_log_set_flag, int(const char *));
FUNCTION(spdk_log_clear_flag, int(const char *));
FUNCTION(spdk_log_usage, void(FILE *, const char *));
FUNCTION(spdk_log_deprecation_register,
         int(const char *, const char *, const char *, uint32_t, struct spdk_deprecation **));
FUNCTION(spdk_log_deprecated,
         void(struct spdk_deprecation *, const char *, uint32_t, const char *));
FUNCTION(spdk_log_for_each_deprecation, int(void *, spdk_log_for_each_deprecation_fn));
FUNCTION(spdk_deprecation_get_tag, const char *(const struct spdk_deprecation *));
FUNCTION(spdk_deprecation_get_description, const char *(const struct spdk_deprecation *));
FUNCTION(spdk_deprecation_get_remove_release, const char *(const struct spdk_deprecation *));
FUNCTION(spdk_deprecation_get_hits, uint64_t(const struct spdk_deprecation *));

TYPE(spdk_log_cb);
TYPE(spdk_log_open_cb);
TYPE(spdk_log_close_cb);
TYPE(struct spdk_log_opts);
FIELD(struct spdk_log_opts, size, size_t);
FIELD(struct spdk_log_opts, log, spdk_log_cb *);
FIELD(struct spdk_log_opts, open, spdk_log_open_cb *);
FIELD(struct spdk_log_opts, close, spdk_log_close_cb *);
FIELD(struct spdk_log_opts, user_ctx, void *);
TYPE(struct spdk_log_flag);
FIELD(struct spdk_log_flag, name, const char *);
FIELD(struct spdk_log_flag, enabled, bool);
TYPE(spdk_log_for_each_deprecation_fn);

VALUE(SPDK_LOG_DISABLED);
VALUE(SPDK_LOG_ERROR);
VALUE(SPDK_LOG_WARN);
VALUE(SPDK_LOG_NOTICE);
VALUE(SPDK_LOG_INFO);
VALUE(SPDK_LOG_DEBUG);

#if !defined(SPDK_LOG_DEPRECATION_EVERY_24H) || !defined(SPDK_LOG_DEPRECATION_ALWAYS) ||        \
	!defined(SPDK_DEBUGLOG_FLAG_ENABLED) || !defined(SPDK_NOTICELOG) ||                     \
	!defined(SPDK_WARNLOG) || !defined(SPDK_ERRLOG) || !defined(SPDK_PRINTF) ||             \
	!defined(SPDK_INFOLOG) || !defined(SPDK_ERRLOG_RATELIMIT) || !defined(SPDK_DEBUGLOG) || \
	!defined(SPDK_LOGDUMP) || !defined(SPDK_LOG_REGISTER_COMPONENT) ||                      \
	!defined(SPDK_LOG_DEPRECATION_REGISTER) || !defined(SPDK_LOG_DEPRECATED)
#error "a macro of spdk/log.h is missing"
#endif

/* spdk/likely.h */

#if !defined(spdk_unlikely) || !defined(spdk_likely)
#error "a macro of spdk/likely.h is missing"
#endif

/* spdk/assert.h */

#if !defined(SPDK_STATIC_ASSERT)
#error "a macro of spdk/assert.h is missing"
#endif

/* spdk/barrier.h */

#if !defined(spdk_compiler_barrier) || !defined(spdk_rmb) || !defined(spdk_wmb) || \
	!defined(spdk_mb) || !defined(spdk_smp_rmb) || !defined(spdk_smp_wmb) ||   \
	!defined(spdk_smp_mb) || !defined(spdk_ivdt_dcache)
#error "a macro of spdk/barrier.h is missing"
#endif

/* spdk/endian.h */

FUNCTION(from_be16, uint16_t(const void *));
FUNCTION(to_be16, void(void *, uint16_t));
FUNCTION(from_be32, uint32_t(const void *));
FUNCTION(to_be32, void(void *, uint32_t));
FUNCTION(from_be64, uint64_t(const void *));
FUNCTION(to_be64, void(void *, uint64_t));
FUNCTION(from_le16, uint16_t(const void *));
FUNCTION(to_le16, void(void *, uint16_t));
FUNCTION(from_le32, uint32_t(const void *));
FUNCTION(to_le32, void(void *, uint32_t));
FUNCTION(from_le64, uint64_t(const void *));
FUNCTION(to_le64, void(void *, uint64_t));

/* spdk/uuid.h */

FUNCTION(spdk_uuid_parse, int(struct spdk_uuid *, const char *));
FUNCTION(spdk_uuid_fmt_lower, int(char *, size_t, const struct spdk_uuid *));
FUNCTION(spdk_uuid_compare, int(const struct spdk_uuid *, const struct spdk_uuid *));
FUNCTION(spdk_uuid_generate, void(struct spdk_uuid *));
FUNCTION(spdk_uuid_generate_sha1,
         int(struct spdk_uuid *, struct spdk_uuid *, const char *, size_t));
FUNCTION(spdk_uuid_copy, void(struct spdk_uuid *, const struct spdk_uuid *));
FUNCTION(spdk_uuid_is_null, bool(const struct spdk_uuid *));
FUNCTION(spdk_uuid_set_null, void(struct spdk_uuid *));

TYPE(struct spdk_uuid);

#if !defined(SPDK_UUID_STRING_LEN)
#error "a macro of spdk/uuid.h is missing"
#endif

/* spdk/histogram_data.h */

FUNCTION(spdk_histogram_data_reset, void(struct spdk_histogram_data *));
FUNCTION(spdk_histogram_data_tally, void(struct spdk_histogram_data *, uint64_t));
FUNCTION(spdk_histogram_data_iterate,
         void(const struct spdk_histogram_data *, spdk_histogram_data_fn, void *));
FUNCTION(spdk_histogram_data_merge,
         int(const struct spdk_histogram_data *, const struct spdk_histogram_data *));
FUNCTION(spdk_histogram_data_alloc_sized_ext,
         struct spdk_histogram_data *(uint32_t, uint64_t, uint64_t));
FUNCTION(spdk_histogram_data_alloc_sized, struct spdk_histogram_data *(uint32_t));
FUNCTION(spdk_histogram_data_alloc, struct spdk_histogram_data *(void));
FUNCTION(spdk_histogram_data_free, void(struct spdk_histogram_data *));
FUNCTION(spdk_histogram_get_borders_count,
         void(struct spdk_histogram_data *, struct spdk_histogram_borders *));
FUNCTION(spdk_histogram_get_borders_count_alloc_ctx,
         struct spdk_histogram_borders *(uint64_t *, size_t));
FUNCTION(spdk_histogram_get_borders_count_free_ctx, void(struct spdk_histogram_borders *));

TYPE(struct spdk_histogram_data);
FIELD(struct spdk_histogram_data, granularity, uint32_t);
FIELD(struct spdk_histogram_data, min_range, uint32_t);
FIELD(struct spdk_histogram_data, max_range, uint32_t);
FIELD(struct spdk_histogram_data, bucket, uint64_t *);
TYPE(spdk_histogram_data_fn);
TYPE(struct spdk_histogram_borders);
FIELD(struct spdk_histogram_borders, borders, uint64_t *);
FIELD(struct spdk_histogram_borders, index, size_t);
FIELD(struct spdk_histogram_borders, num_borders_count, size_t);
MEMBER(struct spdk_histogram_borders, border_count);

#if !defined(SPDK_HISTOGRAM_GRANULARITY_DEFAULT) || !defined(SPDK_HISTOGRAM_GRANULARITY) ||      \
	!defined(SPDK_HISTOGRAM_BUCKET_LSB) || !defined(SPDK_HISTOGRAM_NUM_BUCKETS_PER_RANGE) || \
	!defined(SPDK_HISTOGRAM_BUCKET_MASK) || !defined(SPDK_HISTOGRAM_NUM_BUCKET_RANGES) ||    \
	!defined(SPDK_HISTOGRAM_NUM_BUCKETS)
#error "a macro of spdk/histogram_data.h is missing"
#endif

/* spdk/bit_array.h */

FUNCTION(spdk_bit_array_capacity, uint32_t(const struct spdk_bit_array *));
FUNCTION(spdk_bit_array_create, struct spdk_bit_array *(uint32_t));
FUNCTION(spdk_bit_array_free, void(struct spdk_bit_array **));
FUNCTION(spdk_bit_array_resize, int(struct spdk_bit_array **, uint32_t));
FUNCTION(spdk_bit_array_get, bool(const struct spdk_bit_array *, uint32_t));
FUNCTION(spdk_bit_array_set, int(struct spdk_bit_array *, uint32_t));
FUNCTION(spdk_bit_array_clear, void(struct spdk_bit_array *, uint32_t));
FUNCTION(spdk_bit_array_find_first_set, uint32_t(const struct spdk_bit_array *, uint32_t));
FUNCTION(spdk_bit_array_find_first_clear, uint32_t(const struct spdk_bit_array *, uint32_t));
FUNCTION(spdk_bit_array_count_set, uint32_t(const struct spdk_bit_array *));
FUNCTION(spdk_bit_array_count_clear, uint32_t(const struct spdk_bit_array *));
FUNCTION(spdk_bit_array_store_mask, void(const struct spdk_bit_array *, void *));
FUNCTION(spdk_bit_array_load_mask, void(struct spdk_bit_array *, const void *));
FUNCTION(spdk_bit_array_clear_mask, void(struct spdk_bit_array *));

/* spdk/bit_pool.h */

FUNCTION(spdk_bit_pool_capacity, uint32_t(const struct spdk_bit_pool *));
FUNCTION(spdk_bit_pool_create, struct spdk_bit_pool *(uint32_t));
FUNCTION(spdk_bit_pool_create_from_array, struct spdk_bit_pool *(struct spdk_bit_array *));
FUNCTION(spdk_bit_pool_free, void(struct spdk_bit_pool **));
FUNCTION(spdk_bit_pool_resize, int(struct spdk_bit_pool **, uint32_t));
FUNCTION(spdk_bit_pool_is_allocated, bool(const struct spdk_bit_pool *, uint32_t));
FUNCTION(spdk_bit_pool_allocate_bit, uint32_t(struct spdk_bit_pool *));
FUNCTION(spdk_bit_pool_set_bit_allocated, int(struct spdk_bit_pool *, uint32_t));
FUNCTION(spdk_bit_pool_free_bit, void(struct spdk_bit_pool *, uint32_t));
FUNCTION(spdk_bit_pool_count_allocated, uint32_t(const struct spdk_bit_pool *));
FUNCTION(spdk_bit_pool_count_free, uint32_t(const struct spdk_bit_pool *));
FUNCTION(spdk_bit_pool_store_mask, void(const struct spdk_bit_pool *, void *));
FUNCTION(spdk_bit_pool_load_mask, void(struct spdk_bit_pool *, const void *));
FUNCTION(spdk_bit_pool_free_all_bits, void(struct spdk_bit_pool *));

/* spdk/fd.h */

FUNCTION(spdk_fd_get_size, uint64_t(int));
FUNCTION(spdk_fd_get_blocklen, uint32_t(int));
FUNCTION(spdk_fd_set_nonblock, int(int));
FUNCTION(spdk_fd_clear_nonblock, int(int));

/* spdk/file.h */

FUNCTION(spdk_posix_file_load, void *(FILE *, size_t *));
FUNCTION(spdk_posix_file_load_from_name, void *(const char *, size_t *));
FUNCTION(spdk_read_sysfs_attribute, int(char **, const char *, ...));
FUNCTION(spdk_read_sysfs_attribute_uint32, int(uint32_t *, const char *, ...));

/* spdk/queue.h */

#if !defined(TAILQ_REMOVE) || !defined(TAILQ_ENTRY_ENQUEUED) ||              \
	!defined(TAILQ_ENTRY_NOT_ENQUEUED) || !defined(TAILQ_ENTRY_CLEAR) || \
	!defined(TAILQ_REMOVE_CLEAR)
#error "a macro of spdk/queue.h is missing"
#endif

/* spdk/queue_extras.h */

#if !defined(STAILQ_HEAD) || !defined(STAILQ_HEAD_INITIALIZER) || !defined(STAILQ_EMPTY) || \
	!defined(STAILQ_FIRST) || !defined(STAILQ_FOREACH_FROM) ||                          \
	!defined(STAILQ_FOREACH_SAFE) || !defined(STAILQ_FOREACH_FROM_SAFE) ||              \
	!defined(STAILQ_LAST) || !defined(STAILQ_NEXT) || !defined(STAILQ_REMOVE_AFTER) ||  \
	!defined(STAILQ_SWAP) || !defined(LIST_HEAD) || !defined(LIST_HEAD_INITIALIZER) ||  \
	!defined(LIST_ENTRY) || !defined(LIST_EMPTY) || !defined(LIST_FIRST) ||             \
	!defined(LIST_FOREACH_FROM) || !defined(LIST_FOREACH_SAFE) ||                       \
	!defined(LIST_FOREACH_FROM_SAFE) || !defined(LIST_NEXT) || !defined(LIST_PREV) ||   \
	!defined(LIST_SWAP) || !defined(SLIST_SWAP) || !defined(SLIST_FOREACH_SAFE) ||      \
	!defined(TAILQ_EMPTY) || !defined(TAILQ_FIRST) || !defined(TAILQ_FOREACH_FROM) ||   \
	!defined(TAILQ_FOREACH_SAFE) || !defined(TAILQ_FOREACH_FROM_SAFE) ||                \
	!defined(TAILQ_FOREACH_REVERSE_FROM) || !defined(TAILQ_FOREACH_REVERSE_SAFE) ||     \
	!defined(TAILQ_FOREACH_REVERSE_FROM_SAFE) || !defined(TAILQ_LAST) ||                \
	!defined(TAILQ_NEXT) || !defined(TAILQ_PREV) || !defined(TAILQ_SWAP)
#error "a macro of spdk/queue_extras.h is missing"
#endif

/* spdk/base64.h */

FUNCTION(spdk_base64_get_encoded_strlen, size_t(size_t));
FUNCTION(spdk_base64_get_decoded_len, size_t(size_t));
FUNCTION(spdk_base64_encode, int(char *, const void *, size_t));
FUNCTION(spdk_base64_urlsafe_encode, int(char *, const void *, size_t));
FUNCTION(spdk_base64_decode, int(void *, size_t *, const char *));
FUNCTION(spdk_base64_urlsafe_decode, int(void *, size_t *, const char *));

/* spdk_internal/usdt.h */

#if !defined(SPDK_DTRACE_PROBE) || !defined(SPDK_DTRACE_PROBE1) || !defined(SPDK_DTRACE_PROBE2) || \
	!defined(SPDK_DTRACE_PROBE3) || !defined(SPDK_DTRACE_PROBE4) ||                            \
	!defined(SPDK_DTRACE_PROBE_TICKS) || !defined(SPDK_DTRACE_PROBE1_TICKS) ||                 \
	!defined(SPDK_DTRACE_PROBE2_TICKS) || !defined(SPDK_DTRACE_PROBE3_TICKS) ||                \
	!defined(SPDK_DTRACE_PROBE4_TICKS)
#error "a macro of spdk_internal/usdt.h is missing"
#endif

/* spdk_internal/assert.h */

#if !defined(SPDK_UNREACHABLE)
#error "a macro of spdk_internal/assert.h is missing"
#endif
