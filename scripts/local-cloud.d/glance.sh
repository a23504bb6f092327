# One Glance a region, each with its own database and store.

glance_config() {
  local name=$1 folder="$STATE/glance/$1"
  mkdir -p "$folder"/{images,staging,tasks} "$STATE/etc/$name/conf.d"
  [ -r /etc/glance/glance-api-paste.ini ] ||
    die 69 'glance-api-paste.ini of the glance packages cannot be read: run this as root or as a member of the group glance'
  write_file "$STATE/etc/$name/paste.ini" </etc/glance/glance-api-paste.ini
  write_file "$STATE/etc/$name/glance-api.conf" <<CONF
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $(port_of "$name")
workers = 2
use_stderr = true
node_staging_uri = file://$folder/staging
enabled_import_methods = [glance-direct,web-download]
[import_filtering_opts]
# Mirrors of tests listen on any port.
allowed_ports =
disallowed_ports =
[task]
work_dir = $folder/tasks
[database]
connection = $(database_url "$name")
[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = $folder/images
[paste_deploy]
flavor = keystone
config_file = $STATE/etc/$name/paste.ini
[keystone_authtoken]
$(authtoken glance "$GLANCE_PASSWORD")
CONF
}

# authtoken USER PASSWORD: how a service checks tokens, for Glance and Swift alike.
authtoken() {
  cat <<CONF
www_authenticate_uri = $(keystone_url)
auth_url = $(keystone_url)
auth_type = password
username = $1
password = $2
project_name = service
user_domain_id = default
project_domain_id = default
memcached_servers = 127.0.0.1:$PORT_memcached
# Short, so that a revoked token is soon refused; long enough to spare Keystone.
token_cache_time = 10
CONF
}

# The empty config folder keeps the system's own /etc/glance out.
glance_options() { GLANCE_OPTIONS=(--config-file "$STATE/etc/$1/glance-api.conf" --config-dir "$STATE/etc/$1/conf.d"); }
glance_database() {
  glance_options "$1"
  clean glance-manage "${GLANCE_OPTIONS[@]}" db_sync
}
glance_command() {
  glance_options "$1"
  COMMAND=(HOME="$STATE/etc/$1" glance-api "${GLANCE_OPTIONS[@]}")
}
glance_url() { printf 'http://127.0.0.1:%s' "$(port_of "$1")"; }
glance_healthy() { url_answers "$(glance_url "$1")/healthcheck"; }
