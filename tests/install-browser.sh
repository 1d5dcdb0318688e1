#!/bin/sh
# Chromium and bubblewrap, which the tests need: installs them where that needs no question asked.
set -eu

has_browser() {
	[ -n "${D2L_CHROMIUM:-}" ] && [ -x "$D2L_CHROMIUM" ] && return 0
	for name in chromium chromium-browser google-chrome google-chrome-stable; do
		command -v "$name" >/dev/null 2>&1 && return 0
	done
	return 1
}

packages=
has_browser || packages=chromium
command -v bwrap >/dev/null 2>&1 || packages="${packages:+$packages }bubblewrap"
[ -n "$packages" ] || exit 0

stop() {
	echo "error: the tests need $packages. Type: $1" >&2
	exit 1
}

if ! command -v apt-get >/dev/null 2>&1; then
	case "$(uname -s)" in
	Linux) stop "your package manager's command for: $packages (for example: sudo dnf install $packages)" ;;
	*) stop "make test on Linux or WSL; elsewhere: make test-quick" ;;
	esac
fi

command="sudo apt-get update && sudo apt-get install $packages"
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root="sudo -n"
else
	stop "$command"
fi

echo "Installing $packages with apt-get"
install() {
	# shellcheck disable=SC2086  # several packages, and no command where there is no sudo
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages </dev/null
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install >"$log" 2>&1; then
	# The list of packages may be old or empty.
	$as_root apt-get update -q </dev/null >>"$log" 2>&1 || true
	install >>"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		stop "$command"
	}
fi
