#!/bin/sh
# Check with other versions than the pinned ones, in an environment of their own:
#   test-versions.sh newest|floors ENVIRONMENT
set -eu
versions=$1
file=_build/$1.txt
other=$2-$1

"$2/bin/python" tests/versions.py "$versions" "$file"
make_there() {
	"${MAKE:-make}" --no-print-directory "$@" VENV="$other" CONSTRAINTS="$file"
}
make_there "$other/full"
"$other/bin/python" -m pip freeze --exclude-editable >_build/installed.txt
if [ "$versions" = newest ]; then
	make_there test
else # old versions print differently: claims must hold, outputs are not compared
	"$other/bin/editions" verify --lax
	"$other/bin/python" -m pytest tests/d2lcompute
fi
