/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/memory.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- allocation ---- */
START_TEST(allocations_are_zeroed_and_never_null)
{
    _cleanup_free_ uint8_t *bytes = memory_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(bytes[i], 0);
    _cleanup_free_ void *none = memory_alloc(0);
    ck_assert_ptr_nonnull(none);
    ck_assert_ptr_null(memory_strdup(NULL));
    ck_assert_ptr_null(memory_strndup(NULL, 3));
    _cleanup_free_ char *cut = memory_strndup("abcdef", 3), *printed = memory_printf("%d-%s", 7, "x");
    ck_assert_str_eq(cut, "abc");
    ck_assert_str_eq(printed, "7-x");
}
END_TEST

/* In a child: what would end the process must end it with status 4 and one line on stderr. */
static void expect_exhausted(void (*act)(void))
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(pipes[1]);
    char line[128] = "";
    ssize_t got = read(pipes[0], line, sizeof(line) - 1);
    close(pipes[0]);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 4);
    ck_assert_int_gt(got, 0);
    ck_assert_str_eq(line, "postern: out of memory\n");
}

static void resize_beyond(void)
{
    /* the product is 2^64: without the check it would be an allocation of nothing */
    memory_resize(NULL, SIZE_MAX / 16 + 1, 16);
}

static void arena_beyond(void)
{
    arena_alloc(arena_new(), SIZE_MAX - 4);
}

START_TEST(exhaustion_ends_the_process)
{
    expect_exhausted(memory_exhausted);
    expect_exhausted(resize_beyond);
    expect_exhausted(arena_beyond);
}
END_TEST

/* ---- cleanup ---- */
static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(descriptors_are_closed_and_handed_over)
{
    int kept, seen;
    {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int never = -1;
        ck_assert_int_ge(fd, 0);
        seen = fd;
        kept = take_fd(&other);
        ck_assert_int_eq(other, -1);
        ck_assert_int_eq(never, -1);
    }
    ck_assert(!is_open(seen));
    ck_assert(is_open(kept));
    errno = ENOTTY;
    close_fd(&kept);
    ck_assert_int_eq(kept, -1);
    close_fd(&kept);
    ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

START_TEST(pointers_are_handed_over)
{
    _cleanup_free_ char *text = memory_strdup("x");
    char *taken = take_ptr(text);
    ck_assert_ptr_null(text);
    ck_assert_str_eq(taken, "x");
    free(taken);
}
END_TEST

START_TEST(streams_and_folders_are_closed)
{
    int file_fd, dir_fd;
    {
        _cleanup_fclose_ FILE *file = fopen("/dev/null", "re");
        _cleanup_fclose_ FILE *no_file = NULL;
        _cleanup_closedir_ DIR *dir = opendir("/");
        _cleanup_closedir_ DIR *no_dir = NULL;
        ck_assert(file && dir && !no_file && !no_dir);
        file_fd = fileno(file);
        dir_fd = dirfd(dir);
    }
    ck_assert(!is_open(file_fd));
    ck_assert(!is_open(dir_fd));
}
END_TEST

/* ---- arena ---- */
/* Whether all of it is that byte; one assertion a byte would take seconds. */
static bool is_filled(const uint8_t *bytes, size_t size, uint8_t with)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != with)
            return false;
    }
    return true;
}

START_TEST(arena_hands_out_separate_zeroed_aligned_memory)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    enum { COUNT = 3000 };
    static uint8_t *parts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i * 7 % 400 + (i % 100 == 0 ? 100000 : 0);
        parts[i] = arena_alloc(arena, size);
        ck_assert_uint_eq((uintptr_t)parts[i] % 16, 0);
        ck_assert(is_filled(parts[i], size, 0));
        memset(parts[i], (int)(i % 251) + 1, size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i * 7 % 400 + (i % 100 == 0 ? 100000 : 0);
        ck_assert(is_filled(parts[i], size, (uint8_t)(i % 251 + 1)));
    }
    ck_assert_uint_ge(arena_size(arena), (size_t)30 * 100000);
}
END_TEST

START_TEST(arena_adopts)
{
    for (unsigned empty = 0; empty < 4; empty++) {
        struct arena *arena = arena_new(), *from = arena_new();
        const char *own = empty & 1 ? NULL : arena_strdup(arena, "own");
        const char *other = empty & 2 ? NULL : arena_strdup(from, "other");
        size_t size = arena_size(arena) + arena_size(from);
        arena_adopt(arena, from);
        ck_assert_uint_eq(arena_size(arena), size);
        ck_assert_uint_eq(arena_size(from), 0);
        arena_free(from);
        ck_assert(!own || !strcmp(own, "own"));
        ck_assert(!other || !strcmp(other, "other"));
        ck_assert_str_eq(arena_strdup(arena, "more"), "more");
        arena_free(arena);
    }
}
END_TEST

START_TEST(arena_copies)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const char from[] = {'a', 'b', '\0', 'c'};
    ck_assert_mem_eq(arena_copy(arena, from, sizeof(from)), from, sizeof(from));
    ck_assert_ptr_null(arena_copy(arena, NULL, 0));
    ck_assert_ptr_null(arena_strdup(arena, NULL));
    ck_assert_str_eq(arena_strdup(arena, ""), "");
    ck_assert_str_eq(arena_strndup(arena, "abcdef", 2), "ab");
    ck_assert_str_eq(arena_strndup(arena, from, sizeof(from)), "ab");
    ck_assert_str_eq(arena_printf(arena, "%s/%05d", "x", 42), "x/00042");
    ck_assert_ptr_null(arena_free(NULL));
}
END_TEST

/* ---- lists ---- */
struct item {
    uint32_t number;
    const char *name;
};

START_TEST(lists_grow)
{
    LIST(struct item) list = {0};
    size_t seen = 0;
    list_each(struct item, item, &list)
        seen++;
    ck_assert_uint_eq(seen, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        struct item *item = list_append(&list);
        ck_assert_ptr_null(item->name);
        ck_assert_uint_eq(item->number, 0);
        *item = (struct item){i, "set"};
    }
    list_each(struct item, item, &list)
        ck_assert_uint_eq(item->number, seen++);
    ck_assert_uint_eq(seen, 1000);
    list_free(&list);
    ck_assert(!list.items && list.count == 0 && list.capacity == 0);
}
END_TEST

START_TEST(an_appended_item_is_zeroed_where_another_stood)
{
    LIST(uint64_t) list = {0};
    *list_append(&list) = 7;
    list.count = 0;
    ck_assert_uint_eq(*list_append(&list), 0);
    list_free(&list);
}
END_TEST

/* ---- buffer ---- */
START_TEST(buffer_appends)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(100000);
    ck_assert_ptr_null(buffer.data);
    for (int i = 0; i < 1000; i++)
        buffer_printf(&buffer, "%d,", i % 10);
    buffer_append(&buffer, "end");
    buffer_append_bytes(&buffer, "\0x", 2);
    ck_assert_uint_eq(buffer.length, 2005);
    ck_assert(!buffer.overflow);
    ck_assert_mem_eq(buffer.data + 1996, "8,9,end\0x\0", 10);
}
END_TEST

START_TEST(buffer_is_cut_at_its_limit)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(5);
    buffer_append(&buffer, "abc");
    ck_assert(!buffer.overflow);
    buffer_append(&buffer, "de");
    ck_assert(!buffer.overflow);
    buffer_append(&buffer, "f");
    ck_assert(buffer.overflow);
    buffer_append_bytes(&buffer, "ghi", 3);
    ck_assert_str_eq(buffer.data, "abcde");
}
END_TEST

START_TEST(buffer_is_cut_between_characters)
{
    for (size_t limit = 0; limit <= 9; limit++) {
        _cleanup_buffer_ struct buffer buffer = BUFFER(limit);
        buffer_append(&buffer, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
        ck_assert_uint_eq(buffer.length, limit / 3 * 3);
        ck_assert_int_eq(buffer.overflow, limit < 9);
    }
}
END_TEST

START_TEST(buffer_is_taken)
{
    struct buffer buffer = BUFFER(10);
    _cleanup_free_ char *empty = buffer_take(&buffer);
    ck_assert_str_eq(empty, "");
    buffer_append(&buffer, "0123456789x");
    _cleanup_free_ char *text = buffer_take(&buffer);
    ck_assert_str_eq(text, "0123456789");
    ck_assert(!buffer.data && buffer.length == 0 && !buffer.overflow);
    buffer_append(&buffer, "again");
    ck_assert_str_eq(buffer.data, "again");
    buffer_free(&buffer);
}
END_TEST

/* ---- map ---- */
START_TEST(map_holds_texts_and_numbers)
{
    _cleanup_map_ struct map *map = map_new();
    static char values[5000];
    ck_assert_ptr_null(map_get(map, "absent"));
    ck_assert_ptr_null(map_get_u64(map, 0));
    for (int i = 0; i < 5000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "container-%d", i);
        map_set(map, key, &values[i]); /* the key is copied: the next one overwrites it */
        map_set_u64(map, (uint64_t)i << 32, &values[4999 - i]);
    }
    ck_assert_uint_eq(map_count(map), 10000);
    for (int i = 0; i < 5000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "container-%d", i);
        ck_assert_ptr_eq(map_get(map, key), &values[i]);
        ck_assert_ptr_eq(map_get_u64(map, (uint64_t)i << 32), &values[4999 - i]);
    }
    ck_assert_ptr_null(map_get(map, "container-5000"));
    ck_assert_ptr_null(map_get_u64(map, 1));
}
END_TEST

START_TEST(map_replaces)
{
    _cleanup_map_ struct map *map = map_new();
    char a, b;
    map_set(map, "", &a);
    map_set(map, "", &b);
    map_set_u64(map, UINT64_MAX, &a);
    ck_assert_uint_eq(map_count(map), 2);
    ck_assert_ptr_eq(map_get(map, ""), &b);
    ck_assert_ptr_eq(map_get_u64(map, UINT64_MAX), &a);
    ck_assert_ptr_null(map_get_u64(map, 0));
    ck_assert_ptr_null(map_free(NULL));
}
END_TEST

START_TEST(map_tells_long_keys_apart)
{
    _cleanup_map_ struct map *map = map_new();
    char key[65] = "", value[64];
    for (size_t length = 0; length < 64; length++) {
        map_set(map, key, &value[length]);
        key[length] = 'a';
    }
    memset(key, 0, sizeof(key));
    for (size_t length = 0; length < 64; length++) {
        ck_assert_ptr_eq(map_get(map, key), &value[length]);
        key[length] = 'a';
    }
}
END_TEST

static TCase *allocation_case(void)
{
    TCase *tcase = tcase_create("allocation");
    tcase_add_test(tcase, allocations_are_zeroed_and_never_null);
    tcase_add_test(tcase, exhaustion_ends_the_process);
    tcase_add_test(tcase, descriptors_are_closed_and_handed_over);
    tcase_add_test(tcase, pointers_are_handed_over);
    tcase_add_test(tcase, streams_and_folders_are_closed);
    tcase_add_test(tcase, arena_hands_out_separate_zeroed_aligned_memory);
    tcase_add_test(tcase, arena_copies);
    tcase_add_test(tcase, arena_adopts);
    return tcase;
}

static TCase *container_case(void)
{
    TCase *tcase = tcase_create("container");
    tcase_add_test(tcase, lists_grow);
    tcase_add_test(tcase, an_appended_item_is_zeroed_where_another_stood);
    tcase_add_test(tcase, buffer_appends);
    tcase_add_test(tcase, buffer_is_cut_at_its_limit);
    tcase_add_test(tcase, buffer_is_cut_between_characters);
    tcase_add_test(tcase, buffer_is_taken);
    tcase_add_test(tcase, map_holds_texts_and_numbers);
    tcase_add_test(tcase, map_replaces);
    tcase_add_test(tcase, map_tells_long_keys_apart);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("memory");
    suite_add_tcase(suite, allocation_case());
    suite_add_tcase(suite, container_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
