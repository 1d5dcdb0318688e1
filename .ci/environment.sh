#!/bin/sh
# Create a virtual environment: environment.sh FOLDER [PYTHON]
set -eu
folder=$1
python=${2:-}
needed="Python 3.11, 3.12 or 3.13 is needed"
advice="Install one of them, or name it: make PYTHON=/path/to/python3.12"

fail() {
	echo "error: $*" >&2
	exit 1
}
version() {
	"$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
supported() {
	case "$1" in 3.11 | 3.12 | 3.13) return 0 ;; esac
	return 1
}

case "$PWD" in *:*) # a search path cannot hold it: venv and PYTHONPATH fail in odd ways
	fail "the folder of the project has a colon in its path: $PWD. Move or rename it" ;;
esac
known=$(sed -n 's/^ *key="\(.*\)",$/\1/p' d2lcompute/_frameworks.py | xargs)
case " $known  " in *" ${D2L_FRAMEWORK:-} "*) ;; # also when it is empty
*) fail "FRAMEWORK is $D2L_FRAMEWORK; allowed are: $known" ;; esac
if [ -z "$python" ]; then
	for one in python3 python3.13 python3.12 python3.11; do
		if supported "$(version "$one")"; then
			python=$one
			break
		fi
	done
fi
[ -n "$python" ] ||
	fail "$needed; python3 here is: $(python3 --version 2>&1 || echo missing). $advice"
found=$(version "$python") || fail "PYTHON is $python, which is no Python that runs here. $needed. $advice"
supported "$found" || fail "$needed; $python is $found. $advice"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
	fail "$python has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv"
if [ -n "$(ls -A "$folder" 2>/dev/null)" ] && [ ! -e "$folder/pyvenv.cfg" ]; then
	fail "$folder exists and is not an environment: move it away, or name another: make VENV=.venv-mine"
fi
echo "Creating $folder with Python $found"
"$python" -m venv "$folder" || fail "$folder could not be created"
