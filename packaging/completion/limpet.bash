# bash completion for limpet(1). Commands and options are read from the program's own --help, so that
# they are always those of the program at hand; the words that an option takes are in _limpet_words,
# and a test holds them against the program.

# The words that an option takes, when there are few.
_limpet_words() {
  case $1 in
    --confirm) echo none barrier ack ;;
    --events) echo text json none ;;
    --heartbeat) echo websocket ping timestamp off ;;
    --jitter) echo none equal full decorrelated ;;
    --max-retries) echo forever ;;
    --preset) echo nova medtranslate ;;
  esac
}

# Commands of `limpet`, or actions of a command: the indented words above its options.
_limpet_actions() {
  "$@" --help 2>/dev/null | sed -n '/^\(Options\|Examples\):/q; s/^  \([a-z][a-z-]*\)  *[^ ].*/\1/p'
}

# What the help calls the value of option $1: FILE, MS...; nothing if it takes none.
_limpet_value() {
  local option=$1
  shift
  "$@" --help 2>/dev/null | sed -n "s/^  $option \([^ ].*\)/\1/p" | sed -n 's/^\([A-Z][^ ]*\).*/\1/p'
}

_limpet_options() {
  "$@" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p'
}

_limpet_files() { # $1: what is typed so far
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_limpet_reply() { # $1: what is typed so far, then the candidates
  local typed=$1
  shift
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$typed")
}

# The value of option $1, of which $2 is typed; false if it takes none.
_limpet_complete_value() {
  local option=$1 typed=$2 words value
  shift 2
  words=$(_limpet_words "$option")
  value=$(_limpet_value "$option" "$@")
  [ -n "$value" ] || return 1
  case $value in
    FILE) _limpet_files "$typed" ;;
    DIR)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$typed")
      ;;
    *@FILE)
      if [[ $typed == @* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P @ -f -- "${typed#@}")
      fi
      ;;
    *) [ -z "$words" ] || _limpet_reply "$typed" "$words" ;;
  esac
  return 0
}

_limpet() {
  local program=${COMP_WORDS[0]} typed=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _limpet_reply "$typed" "$(_limpet_actions "$program")" --help --version
    return
  fi
  local command=${COMP_WORDS[1]}
  # --option=value arrives as three words.
  if [[ $typed == = ]]; then
    typed=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [[ $before == --* ]] && _limpet_complete_value "$before" "$typed" "$program" "$command"; then
    return
  fi
  if [[ $typed == -* ]]; then
    _limpet_reply "$typed" "$(_limpet_options "$program" "$command")"
  elif ((COMP_CWORD == 2)); then
    _limpet_files "$typed" # for those whose first operand is a file; harmless before a URL
  else
    _limpet_reply "$typed" "$(_limpet_actions "$program" "$command")"
  fi
}

complete -F _limpet limpet
