# How the scripts speak: progress on stderr, so that stdout stays for what a caller reads.

say() { printf '%s\n' "$*" >&2; }

# die STATUS SENTENCE…: one sentence that says what failed and what to do.
die() {
  local status=$1
  shift
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit "$status"
}

# confirm QUESTION: asks on a terminal; without one, or with ASSUME_YES set, the answer is yes.
confirm() {
  [ -z "${ASSUME_YES:-}" ] && [ -t 0 ] && [ -t 2 ] || return 0
  local answer
  read -r -p "$1 [Y/n] " answer
  case $answer in '' | [yY]*) return 0 ;; *) return 1 ;; esac
}
