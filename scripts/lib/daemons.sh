# Processes that outlive the script which starts them, and are only ever ended by the one who can prove to own them.
# Needs RUN_DIR (pid files) and LOG_DIR. A daemon leads a session of its own and carries IMAGE_STREAM_DAEMON in its
# environment, so neither a reused pid nor a stranger's process is taken for ours.

# process_fields PID: FIELDS from /proc/PID/stat after the command's name: 0 state, 3 session, 19 start time in ticks.
process_fields() {
  local stat
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra FIELDS <<<"${stat##*) }"
  [ "${FIELDS[0]}" != Z ]
}

daemon_marker() { printf 'IMAGE_STREAM_DAEMON=%s/%s' "$RUN_DIR" "$1"; }

# daemon_pid NAME: the leader's pid while it lives.
daemon_pid() {
  local pid started FIELDS
  { read -r pid started <"$RUN_DIR/$1.pid"; } 2>/dev/null || return 1
  process_fields "$pid" && [ "${FIELDS[19]}" = "$started" ] || return 1
  printf '%s' "$pid"
}

# daemon_orphans NAME: what a leader killed with SIGKILL left behind, one pid a line.
daemon_orphans() {
  local pid session process FIELDS
  { read -r session _ <"$RUN_DIR/$1.pid"; } 2>/dev/null || return 0
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    process_fields "$pid" && [ "${FIELDS[3]}" = "$session" ] || continue
    ! grep -qxzF "$(daemon_marker "$1")" "$process/environ" 2>/dev/null || printf '%s\n' "$pid"
  done
}

# start_daemon NAME COMMAND…: detached, with a clean environment (another cloud's OS_* or a proxy would mislead it).
start_daemon() {
  local name=$1 log="$LOG_DIR/$1.log" pid FIELDS=()
  shift
  [ ! -e "$log" ] || [ "$(stat -c %s "$log")" -lt 50000000 ] || : >"$log"
  setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME="$RUN_DIR" "$(daemon_marker "$name")" "$@" \
    </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  process_fields "$pid" || true
  printf '%s %s\n' "$pid" "${FIELDS[19]:-0}" >"$RUN_DIR/$name.pid"
}

# stop_daemon NAME [SIGNAL]: ends the leader and all that belong to its session; kills what has not gone in ten seconds.
stop_daemon() {
  local name=$1 signal=${2:-TERM} pid left tries=0
  [ -e "$RUN_DIR/$name.pid" ] || return 0
  if pid=$(daemon_pid "$name"); then
    [ "$signal" = TERM ] && kill -TERM "$pid" 2>/dev/null || kill -"$signal" -- "-$pid" 2>/dev/null || true
    while daemon_pid "$name" >/dev/null && [ $tries -lt 100 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done
  fi
  # The kernel takes a moment over a killed process, during which it still holds its port.
  while left=$(daemon_orphans "$name") && [ -n "$left" ]; do
    kill -KILL $left 2>/dev/null || true
    sleep 0.05
  done
  rm -f "$RUN_DIR/$name.pid" "$RUN_DIR/$name.sum"
}

# wait_for NAME SECONDS CHECK…: until the check passes; fails at once with the log's end when the daemon dies.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! daemon_pid "$name" >/dev/null || [ $SECONDS -ge $deadline ]; then
      tail -n 15 "$LOG_DIR/$name.log" >&2
      die 69 "$name did not start; its output is in $LOG_DIR/$name.log"
    fi
    sleep 0.1
  done
}
