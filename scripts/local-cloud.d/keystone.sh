# Keystone behind uWSGI.

keystone_config() {
  mkdir -p "$STATE"/etc/keystone/{fernet,credential}
  chmod 700 "$STATE"/etc/keystone/{fernet,credential}
  write_file "$STATE/etc/keystone/keystone.conf" <<CONF
[DEFAULT]
use_stderr = true
public_endpoint = $(keystone_url)
[database]
connection = $(database_url keystone)
max_pool_size = 10
[token]
provider = fernet
[fernet_tokens]
key_repository = $STATE/etc/keystone/fernet
[credential]
key_repository = $STATE/etc/keystone/credential
[identity]
# Passwords here are random and long: slow hashing would only slow the tests.
password_hash_rounds = 4
CONF
}

keystone_url() { printf 'http://127.0.0.1:%s' "$PORT_keystone"; }

manage() {
  clean OS_BOOTSTRAP_PASSWORD="${OS_BOOTSTRAP_PASSWORD:-}" \
    keystone-manage --config-file "$STATE/etc/keystone/keystone.conf" "$@"
}

keystone_keys() {
  local who=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
  manage fernet_setup "${who[@]}" && manage credential_setup "${who[@]}"
}
keystone_database() {
  manage db_sync &&
    OS_BOOTSTRAP_PASSWORD=$ADMIN_PASSWORD manage bootstrap --bootstrap-region-id "${REGIONS[0]}"
}

keystone_command() {
  local application=(--module keystone.wsgi.api:application)
  [ ! -e /usr/bin/keystone-wsgi-public ] || application=(--wsgi-file /usr/bin/keystone-wsgi-public)
  # Its middleware looks for a keystone.conf of its own accord, at home before /etc.
  COMMAND=(HOME="$STATE/etc/keystone" OS_KEYSTONE_CONFIG_DIR="$STATE/etc/keystone" OS_KEYSTONE_CONFIG_FILES=keystone.conf
    uwsgi_python3 --http-socket "127.0.0.1:$PORT_keystone" "${application[@]}" --master --processes 3 --need-app
    --die-on-term --lazy-apps --buffer-size 65535 --disable-logging)
}
keystone_healthy() { url_answers "$(keystone_url)/v3"; }
