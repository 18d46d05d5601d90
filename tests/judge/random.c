/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splitmix64, by Sebastiano Vigna (public domain): the same numbers from a seed on every machine. */
#include "tests/judge/judge.h"

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t random_below(struct random *random, uint32_t limit)
{
    return limit ? (uint32_t)(random_next(random) >> 32) % limit : 0;
}

bool random_percent(struct random *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}
