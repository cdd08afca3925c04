#!/bin/bash
# Every script parses, and says at its head what it is.
cd "$(dirname "$0")/../.." || exit 2
status=0
for file in tests/tools/deps .ci/run tests/lint/*.sh; do
	bash -n "$file" || status=1
done
find tests -name '*.py' -print0 | xargs -0 /usr/bin/python3 -B -c '
import ast, sys
for path in sys.argv[1:]:
    if not ast.get_docstring(ast.parse(open(path).read(), path)):
        sys.exit(path + ": does not begin by saying what it is")
' tests/run || status=1
for file in tests/system/browser/*.js; do
	node --check "$file" || status=1
done
exit $status
