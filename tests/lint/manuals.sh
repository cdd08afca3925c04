#!/bin/bash
# The manual pages are valid mdoc.
cd "$(dirname "$0")/../.." || exit 2
find tlsd rproxy common -name '*.[58]' -print0 |
	xargs -0 -r mandoc -T lint -W warning
