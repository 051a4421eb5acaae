#!/bin/sh
# Install programs that tests or the benchmark use, each from the Debian package of its own name.
#
#     scripts/install_tool.sh strace wrk
#
# Never fails: what cannot be installed here (no root, no apt, no network) is said in a line, and whoever needs it says so
# again. May be run twice; a program that is there costs nothing.

for tool in "$@"; do
    if command -v "$tool" >/dev/null 2>&1; then
        continue
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "$tool is not on this machine; install it with your system's packages (Debian: apt-get install $tool)."
        continue
    fi
    echo "Installing $tool ..."
    export DEBIAN_FRONTEND=noninteractive
    # The list of packages on the machine may be older than the archive, or not be there at all: then fetch it and try again.
    timeout 300 apt-get install -y -qq --no-install-recommends "$tool" >/dev/null 2>&1 ||
        { timeout 120 apt-get update -qq && timeout 300 apt-get install -y -qq --no-install-recommends "$tool"; } >/dev/null 2>&1 ||
        echo "$tool could not be installed; what needs it will not run."
done
