#!/bin/sh
# Installs the servers and tools that only the tests need, where this machine lets us; says what is missing where not.
# The tests that need a missing one skip themselves and say so.
set -u
missing=""
need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need mosquitto mosquitto
need tshark tshark
need chromium chromium
need gcc gcc
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
need pkg-config pkg-config
pkg-config --exists libmodbus 2>/dev/null || missing="$missing libmodbus-dev"
fc-list :lang=zh 2>/dev/null | grep -q . || missing="$missing fontconfig fonts-noto-cjk"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "test servers: not allowed to install Debian packages here; tests that need these will be skipped:$missing"
  exit 0
fi
echo "test servers: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# policy-rc.d keeps Debian from starting what it installs: the tests start their own servers on free ports.
policy=/usr/sbin/policy-rc.d
made=""
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1; }
apt-get -qq update >/dev/null 2>&1
# shellcheck disable=SC2086 # a list of package names
apt-get -qq install -y --no-install-recommends $missing >/dev/null 2>&1 ||
  echo "test servers: could not install all of$missing; tests that need them will be skipped"
[ -z "$made" ] || rm -f "$policy"
exit 0
