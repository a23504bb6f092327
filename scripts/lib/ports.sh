# Ports on loopback.

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port [WISH] [NOT…]: WISH when nobody listens there, else one below the range that outgoing connections use.
free_port() {
  local wish=${1:-} port
  [ $# -eq 0 ] || shift
  port=$wish
  while [ -z "$port" ] || [[ " $* " == *" $port "* ]] || port_taken "$port"; do
    port=$((20000 + RANDOM % 12000))
  done
  printf '%s' "$port"
}
