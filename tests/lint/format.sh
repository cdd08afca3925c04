#!/bin/bash
# The layout of .clang-format, as clang-format 14 (Debian 12) reads it.
cd "$(dirname "$0")/../.." || exit 2
find common tlsd rproxy tests -name '*.[ch]' -print0 |
	xargs -0 -r clang-format --dry-run --Werror --ferror-limit=1 2>&1 |
	grep 'error:'
[ "${PIPESTATUS[1]}" = 0 ]
