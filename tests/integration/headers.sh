#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Calandria authors
#
# Every public header compiles alone, in C11 and in C++17, without any header of DPDK in sight.
set -u
cd "$(dirname "$0")/../../core/include" || exit 1
bad=0 count=0
for header in */*.h; do
    count=$((count + 1))
    for lang in "c -std=gnu11" "c++ -std=gnu++17"; do
        # shellcheck disable=SC2086
        if ! out=$(printf '#include "%s"\nint main(void) { return 0; }\n' "$header" |
                   ${CC:-gcc} -x $lang -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
                       -I. -fsyntax-only - 2>&1); then
            echo "$header as ${lang%% *}:"
            echo "$out" | head -n 8
            bad=1
        fi
    done
done
echo "$count headers"
[ $count -gt 0 ] && exit $bad
