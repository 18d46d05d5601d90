/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy file: every complaint says where, and there are complaints or a policy, never both nor neither. */
#include "reports/policy/policy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct complaint_list complaints = {0};
    struct policy *policy = NULL;
    struct bytes exact = fuzz_exact((struct bytes){data, size});
    int result = policy_parse((const char *)exact.data, exact.length, "policy.yaml", "2026-01-01", &policy,
                              &complaints);

    fuzz_check((result == 0) == (complaints.count == 0), "status %d, %zu complaints", result,
               complaints.count);
    list_each(const struct error, complaint, &complaints) {
        fuzz_check(strncmp(complaint->subject, "policy.yaml:", 12) == 0, "a complaint about %s",
                   complaint->subject);
        fuzz_check(complaint->message[0], "an empty complaint");
    }
    if (result == 0)
        policy_free(policy);
    list_free(&complaints);
    free((void *)(uintptr_t)exact.data);
    return 0;
}
