#!/bin/sh
# Install programs that tests or the benchmark use, from Debian's packages.
#
#     scripts/install_tool.sh strace wrk mosquitto-clients:mosquitto_rr
#
# A word names a package, and after a colon a program of it where no program is called as the package is; nothing after
# the colon means a library, which has no program.
# Never fails: what cannot be installed here (no root, no apt, no network) is said in a line, and whoever needs it says so
# again. May be run twice; a program that is there costs nothing.

PATH=$PATH:/usr/sbin # where Debian keeps servers, and where only root looks

missing=
for tool in "$@"; do
    package=${tool%%:*} program=${tool##*:}
    if [ -n "$program" ] && command -v "$program" >/dev/null 2>&1; then
        continue
    fi
    if [ -z "$program" ] && dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
        continue
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "$package is not on this machine; install it with your system's packages (Debian: apt-get install $package)."
        continue
    fi
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install() {
    DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

echo "Installing$missing ..."
install $missing && exit 0 # one word a package
# The list of packages on the machine may be older than the archive, or not be there at all: then fetch it and try again,
# and at last each by itself, so that one that cannot be had keeps none of the others away.
timeout 120 apt-get update -qq >/dev/null 2>&1
install $missing && exit 0
for package in $missing; do
    install "$package" || echo "$package could not be installed; what needs it will not run."
done
