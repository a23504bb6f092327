# Swift with one device and one replica; every region shares the account.

swift_url() { printf 'http://127.0.0.1:%s' "$PORT_swift_proxy"; }

swift_rings() {
  local ring builder
  # Made anew where a port changed: with one device the placement is the same whatever its address.
  for ring in account container object; do
    builder="$STATE/etc/swift/$ring.builder"
    rm -f "$builder" "$STATE/etc/swift/$ring.ring.gz" &&
      clean swift-ring-builder "$builder" create 8 1 1 &&
      clean swift-ring-builder "$builder" add --region 1 --zone 1 --ip 127.0.0.1 --port "$(port_of "swift-$ring")" --device d1 --weight 1 &&
      clean swift-ring-builder "$builder" rebalance || return 1
  done
}

swift_config() {
  local server
  mkdir -p "$STATE/etc/swift" "$STATE/swift/d1"
  write_file "$STATE/etc/swift/swift.conf" <<CONF
[swift-hash]
swift_hash_path_suffix = $SWIFT_HASH
swift_hash_path_prefix = $SWIFT_HASH
[storage-policy:0]
name = Policy-0
default = yes
CONF
  for server in account container object; do
    write_file "$STATE/etc/swift/swift-$server.conf" <<CONF
[DEFAULT]
$(swift_defaults "$server")
workers = 1
devices = $STATE/swift
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = $server-server
[app:$server-server]
use = egg:swift#$server
$(swift_patience)
# What is late goes to an updater, which does not run here: it would be missing in listings for good.
container_update_timeout = 60
CONF
  done
  swift_proxy_config
}

swift_defaults() {
  cat <<CONF
bind_ip = 127.0.0.1
bind_port = $(port_of "swift-$1")
user = $(id -un)
swift_dir = $STATE/etc/swift
log_level = INFO
CONF
}

# A busy machine misses the half second that Swift gives a connection.
swift_patience() { printf '%s\n' 'conn_timeout = 20' 'node_timeout = 60'; }

swift_proxy_config() {
  write_file "$STATE/etc/swift/swift-proxy.conf" <<CONF
[DEFAULT]
$(swift_defaults proxy)
workers = 2
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl authtoken keystoneauth copy slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
$(swift_patience)
# The one device is never given up, so that a restarted server is used at once.
error_suppression_limit = 1000000
account_autocreate = true
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
$(authtoken swift "$SWIFT_PASSWORD")
# Without a token the container's ACL decides: that is how Juju reads streams.
delay_auth_decision = true
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$PORT_memcached
$(for filter in catch_errors gatekeeper healthcheck listing_formats bulk tempurl copy slo dlo; do
    printf '[filter:%s]\nuse = egg:swift#%s\n' $filter $filter
  done)
[filter:proxy-logging]
use = egg:swift#proxy_logging
CONF
}

swift_command() { COMMAND=(/usr/bin/python3 "$PARTS/swift-server.py" "$1-server" "$STATE/etc/swift" "$STATE/etc/swift/swift-$1.conf" -v); }
swift_healthy() {
  case $1 in
    proxy) url_answers "$(swift_url)/healthcheck" ;;
    *) port_taken "$(port_of "swift-$1")" ;;
  esac
}
