# What the OpenStack services stand on: MariaDB (SQLite loses parallel uploads) and memcached (or each request asks Keystone).

# Sockets are named relative to the data folder: a socket's path has room for 107 bytes only.
mariadb_create() {
  [ ! -e "$STATE/mysql" ] || return 0
  rm -rf "$STATE/mysql.new" &&
    mkdir -m 700 "$STATE/mysql.new" &&
    clean mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$STATE/mysql.new" --skip-test-db \
      --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" --skip-log-bin &&
    mv "$STATE/mysql.new" "$STATE/mysql"
}

# Databases are made by the server itself as it starts, before it takes connections.
mariadb_config() {
  local name region
  for name in keystone $(for region in "${REGIONS[@]}"; do glance_name "$region"; echo; done); do
    cat <<SQL
CREATE DATABASE IF NOT EXISTS \`$name\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'cloud'@'127.0.0.1' IDENTIFIED BY '$DB_PASSWORD';
GRANT ALL ON \`$name\`.* TO 'cloud'@'127.0.0.1';
SQL
  done | write_file "$STATE/etc/mariadb.sql"
  write_file "$STATE/etc/mariadb.cnf" <<CNF
[mariadbd]
user = $(id -un)
datadir = $STATE/mysql
socket = mariadb.sock
pid_file = mariadb.pid
bind_address = 127.0.0.1
port = $PORT_mariadb
init_file = $STATE/etc/mariadb.sql
skip_name_resolve = 1
skip_log_bin = 1
max_connections = 500
max_connect_errors = 1000000
performance_schema = 0
innodb_buffer_pool_size = 128M
# Enough to outlive a killed server, and ten times faster than a flush to the disk for each commit.
innodb_flush_log_at_trx_commit = 2
CNF
}

mariadb_command() { COMMAND=(mariadbd --defaults-file="$STATE/etc/mariadb.cnf"); }
mariadb_healthy() { (cd "$STATE/mysql" && clean mariadb-admin --no-defaults --connect-timeout=5 --socket=mariadb.sock ping); }
database_url() { printf 'mysql+pymysql://cloud:%s@127.0.0.1:%s/%s' "$DB_PASSWORD" "$PORT_mariadb" "$1"; }

memcached_config() { :; }
memcached_command() { COMMAND=(memcached -l 127.0.0.1 -p "$PORT_memcached" -U 0 -m 64 -c 2048 -u "$(id -un)"); }
memcached_healthy() { port_taken "$PORT_memcached"; }
