# Debian and Ubuntu packages: installed only when missing, after saying so. Needs say.sh.

# missing_packages PACKAGE…: those that dpkg does not hold, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# Packages of services would start them under systemd, on the ports that we are about to take.
install_without_starting() {
  local policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d} ours='' status=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" </dev/null 9>&- || status=$?
  [ -z "$ours" ] || rm -f "$policy"
  return $status
}

# ensure_packages WHAT INSTEAD PACKAGE…: WHAT names what they are for, INSTEAD what to do where they cannot be had.
ensure_packages() {
  local what=$1 instead=$2 log missing
  shift 2
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    die 69 "$what needs Debian or Ubuntu packages and there is no apt here: $instead"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] ||
    die 69 "$what needs the packages ${missing[*]}, which only root can install: run \`sudo apt-get install --no-install-recommends ${missing[*]}\` first, or $instead"
  say "$what needs these packages, installed with apt-get: ${missing[*]}"
  confirm 'Install them?' || die 69 "$what was not installed: $instead"
  log=$(mktemp)
  # The lists may be stale or absent on a fresh machine: they are renewed only when the first try fails.
  if ! install_without_starting "${missing[@]}" >"$log" 2>&1; then
    apt-get update -q >>"$log" 2>&1 9>&- || true
    install_without_starting "${missing[@]}" >>"$log" 2>&1 || {
      tail -n 15 "$log" >&2
      rm -f "$log"
      die 69 "$what could not be installed (see above; is the package mirror reachable?): $instead"
    }
  fi
  rm -f "$log"
}
