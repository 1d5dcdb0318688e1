#!/bin/sh
# Run the notebooks on this machine's GPU: test-gpu.sh ENVIRONMENT [OPTION..] [-- CHAPTER..]
# With D2L_PYTHON, a Python that has the framework, or D2L_WHEELS, a folder of wheels, or both, the
# environment is made of these, without a network.
set -eu
folder=$1-gpu-${D2L_FRAMEWORK:-}-given
shift
given="${D2L_PYTHON:-} ${D2L_WHEELS:-}"

if [ "$given" = " " ]; then
	exec make --no-print-directory verify DEVICE=gpu
elif [ -z "${D2L_FRAMEWORK:-}" ]; then
	echo "error: PYTHON= and WHEELS= give an environment for one framework: add FRAMEWORK=" >&2
	exit 1
fi
if [ "$(cat "$folder/given" 2>/dev/null)" != "$given" ] || [ pyproject.toml -nt "$folder/given" ]; then
	[ ! -e "$folder/pyvenv.cfg" ] || rm -r "$folder"
	sh .ci/environment.sh "$folder" "${D2L_PYTHON:-}"
	"$folder/bin/python" .ci/given_environment.py || {
		rm -r "$folder"
		exit 1
	}
	printf '%s\n' "$given" >"$folder/given"
fi
exec "$folder/bin/editions" verify --device=gpu "$@"
