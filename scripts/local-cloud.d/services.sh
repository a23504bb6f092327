# Every service by its name: configuration, command, health; and the order in which they come and go.

# service PART NAME: calls keystone_config, glance_command, swift_healthy … with the rest of the name as an argument.
service() {
  case $2 in
    glance*) "glance_$1" "$2" ;;
    swift-*) "swift_$1" "${2#swift-}" ;;
    *) "$2_$1" ;;
  esac
}

config_sum() {
  case $1 in
    mariadb) cat "$STATE"/etc/mariadb.* ;;
    keystone) cat "$STATE/etc/keystone/keystone.conf" ;;
    glance*) cat "$STATE/etc/$1/"*.{conf,ini} ;;
    swift-*) cat "$STATE"/etc/swift/swift.conf "$STATE"/etc/swift/*.ring.sum "$STATE/etc/swift/$1.conf" ;;
    *) port_of "$1" ;;
  esac | sha256sum
}

# ensure_service NAME: running, answering, and with the configuration of now.
ensure_service() {
  local name=$1 COMMAND
  if daemon_pid "$name" >/dev/null && [ "$(config_sum "$name")" = "$(cat "$RUN_DIR/$name.sum" 2>/dev/null)" ]; then
    ! service healthy "$name" >/dev/null 2>&1 || return 0
  fi
  stop_daemon "$name"
  # Servers on eventlet would share a port with a stranger (SO_REUSEPORT) and answer every other request.
  ! port_taken "$(port_of "$name")" ||
    die 1 "port $(port_of "$name") of $name was taken by another process: \`scripts/local-cloud up\` chooses another one"
  service command "$name"
  start_daemon "$name" "${COMMAND[@]}"
  wait_for "$name" 90 service healthy "$name"
  config_sum "$name" >"$RUN_DIR/$name.sum"
}

swift_up() {
  local sum server
  # Rings name ports: they are made again when those change.
  sum=$(for server in account container object; do port_of "swift-$server"; echo; done)
  if [ "$sum" != "$(cat "$STATE/etc/swift/ports.ring.sum" 2>/dev/null)" ]; then
    rm -f "$STATE/done/swift-rings"
    printf '%s\n' "$sum" >"$STATE/etc/swift/ports.ring.sum"
  fi
  once swift-rings swift_rings
  at_once 'ensure_service swift-account' 'ensure_service swift-container' 'ensure_service swift-object' 'ensure_service swift-proxy'
}

keystone_up() {
  once keystone-database keystone_database
  ensure_service keystone
  ensure_identity
}

glance_up() {
  once "$1-database" glance_database "$1"
  ensure_service "$1"
}

mariadb_up() {
  once mariadb-create mariadb_create
  ensure_service mariadb
}

# at_once COMMAND…: side by side, each a line of shell; ends when all have, and fails when one did.
at_once() {
  local command pids=() pid status=0
  for command in "$@"; do
    $command &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
  [ $status = 0 ] || exit $status
}

bring_up() {
  local region glances=()
  mariadb_config
  keystone_config
  swift_config
  for region in "${REGIONS[@]}"; do
    glance_config "$(glance_name "$region")"
    glances+=("glance_up $(glance_name "$region")")
  done
  at_once mariadb_up 'ensure_service memcached' 'once keystone-keys keystone_keys' swift_up
  at_once keystone_up "${glances[@]}"
}

# Those that use others go first.
take_down() {
  local name names
  mapfile -t names < <(service_names | grep -vx -e mariadb -e memcached)
  at_once "${names[@]/#/stop_daemon }"
  for name in mariadb memcached; do stop_daemon "$name"; done
}

show_status() {
  local name pid answer status=0
  printf '%-20s %-8s %-9s %s\n' SERVICE PID STATE PORT
  for name in $(service_names); do
    pid=$(daemon_pid "$name") || pid=-
    if [ "$pid" = - ]; then answer=down; elif service healthy "$name" >/dev/null 2>&1; then answer=up; else answer=mute; fi
    [ $answer = up ] || status=1
    printf '%-20s %-8s %-9s %s\n' "$name" "$pid" "$answer" "$(port_of "$name")"
  done
  printf 'state, logs, clouds.yaml: %s\n' "$STATE"
  return $status
}
