# What `up` remembers between calls: ports, secrets, regions. All of it in the one state folder.

MARK=.image-stream-local-cloud # a folder without it is never purged

state_folders() {
  mkdir -p "$STATE"
  chmod 700 "$STATE"
  mkdir -p "$STATE"/{etc,run,log,done,glance,swift}
  : >"$STATE/$MARK"
}

random_secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# write_file PATH [MODE]: stdin into PATH, so that a reader never sees half of it.
write_file() {
  local mode=${2:-600}
  (umask 077 && cat >"$1.new")
  chmod "$mode" "$1.new"
  mv "$1.new" "$1"
}

SECRETS=(DB_PASSWORD ADMIN_PASSWORD GLANCE_PASSWORD SWIFT_PASSWORD IMAGE_STREAM_PASSWORD MEMBER_PASSWORD SWIFT_HASH)

load_secrets() {
  local name
  if [ ! -s "$STATE/secrets.env" ]; then
    for name in "${SECRETS[@]}"; do printf '%s=%s\n' "$name" "$(random_secret)"; done | write_file "$STATE/secrets.env"
  fi
  . "$STATE/secrets.env"
}

# load_regions WISH: what was asked for is added to what is there, since a region's images outlive a call.
load_regions() {
  local known='' region
  [ ! -s "$STATE/regions" ] || known=$(<"$STATE/regions")
  mapfile -t REGIONS < <(printf '%s\n' $known ${1//,/ } | awk 'NF && !seen[$0]++')
  [ ${#REGIONS[@]} -gt 0 ] || REGIONS=(RegionOne)
  for region in "${REGIONS[@]}"; do
    [[ $region =~ ^[A-Za-z][A-Za-z0-9-]{0,30}$ ]] || die 2 "a region is named with letters, digits and dashes, not '$region'"
  done
  printf '%s\n' "${REGIONS[@]}" | write_file "$STATE/regions"
}

glance_name() { [ "$1" = "${REGIONS[0]}" ] && printf glance || printf 'glance-%s' "$1"; }

# Every service in the order of its needs.
service_names() {
  local region
  printf '%s\n' mariadb memcached keystone
  for region in "${REGIONS[@]}"; do printf '%s\n' "$(glance_name "$region")"; done
  printf '%s\n' swift-account swift-container swift-object swift-proxy
}

port_of() {
  local variable="PORT_${1//-/_}"
  printf '%s' "${!variable:-}"
}

# The ports that clients know from manuals, for the cloud in the default place only: a second one would take them while the
# first restarts. MariaDB and memcached stay clear of a system's own.
usual_port() {
  [ "$STATE" = "$DEFAULT_STATE" ] || return 0
  case $1 in
    keystone) echo 5000 ;;
    glance) echo 9292 ;;
    swift-proxy) echo 8080 ;;
  esac
}

# A port is kept as long as its daemon lives or nobody else sits on it; endpoints follow, as each `up` writes them anew.
choose_ports() {
  local name port ports=()
  [ ! -s "$STATE/ports.env" ] || . "$STATE/ports.env"
  for name in $(service_names); do
    port=$(port_of "$name")
    if ! daemon_pid "$name" >/dev/null && [ -z "$(daemon_orphans "$name")" ]; then
      port=$(free_port "${port:-$(usual_port "$name")}" "${ports[@]}")
    fi
    ports+=("$port")
    printf -v "PORT_${name//-/_}" '%s' "$port"
    printf 'PORT_%s=%s\n' "${name//-/_}" "$port"
  done >"$STATE/ports.env.new"
  mv "$STATE/ports.env.new" "$STATE/ports.env"
  . "$STATE/ports.env"
}

load_state() {
  [ -s "$STATE/ports.env" ] && [ -s "$STATE/secrets.env" ] && [ -s "$STATE/regions" ] || return 1
  . "$STATE/ports.env"
  . "$STATE/secrets.env"
  mapfile -t REGIONS <"$STATE/regions"
}

# once NAME COMMAND…: what has to succeed one single time in the life of the state folder. The `||` switches errexit off
# inside the command, so its steps are chained with &&.
once() {
  local done="$STATE/done/$1" log="$STATE/log/$1.log"
  shift
  [ ! -e "$done" ] || return 0
  "$@" >>"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    die 1 "$(basename "$done") failed; its output is in $log"
  }
  : >"$done"
}

# clean COMMAND…: without this shell's OS_*, PYTHON* and proxies.
clean() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="$STATE" "$@"; }

url_answers() { curl --noproxy '*' -fsS -o /dev/null --max-time 5 "$1"; }
