"""What a shell asks instui while it completes a command line: ids of sessions, and names of what is installed.

The answer is about the environment that the line names, and comes from the instui that the line begins with, which
need not be on PATH.
"""

from typing import Any

ASK = {
    "bash": r"""_instui_ask() {
  local place=() word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "$word" in
      --python | --target | --prefix) ;;
      -p) word=--python ;;
      -t) word=--target ;;
      *) continue ;;
    esac
    if [[ "${COMP_WORDS[i+1]}" == "=" ]]; then ((i++)); fi
    ((++i < COMP_CWORD)) && place+=("$word" "${COMP_WORDS[i]}")
  done
  command "${COMP_WORDS[0]/#\~\//$HOME/}" "$@" "${place[@]}" 2>/dev/null
}""",
    "zsh": r"""_instui_ask() {
  local -a place
  local word i
  for ((i = 1; i < CURRENT; i++)); do
    word=$words[i]
    case $word in
      (--python=*|--target=*|--prefix=*) place+=(${(Q)word}); continue ;;
      (--python|--target|--prefix) ;;
      (-p) word=--python ;;
      (-t) word=--target ;;
      (*) continue ;;
    esac
    ((++i < CURRENT)) && place+=($word ${(Q)words[i]})
  done
  command ${(Q)${_comp_command1:-instui}/#\~\//$HOME/} "$@" $place 2>/dev/null
}""",
    "fish": r"""function _instui_ask
  set -l words (commandline -opc)
  set -l place
  set -l awaited
  for word in $words[2..-1]
    if set -q awaited[1]
      set -a place $awaited $word
      set -e awaited
      continue
    end
    switch $word
      case '--python=*' '--target=*' '--prefix=*'
        set -a place $word
      case --python --target --prefix
        set awaited $word
      case -p
        set awaited --python
      case -t
        set awaited --target
    end
  end
  set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
  command -q $program; and command $program $argv $place 2>/dev/null
end""",
}
"""For each shell, a function that runs a command of instui with the flags of the line that name an environment."""


def running_sessions() -> dict[str, Any]:
    """How each shell completes the id of a session that runs."""
    return _asked("running", "sessions --ids running", "session")


def recorded_sessions() -> dict[str, Any]:
    """How each shell completes the id of a recorded session, or a file that holds a journal."""
    return _asked("recorded", "sessions --ids recorded", "session", or_file=True)


def what_is_installed() -> dict[str, Any]:
    """How each shell completes the name of a distribution that is installed."""
    return _asked("installed", "list --names", "distribution")


def _asked(which: str, command: str, what: str, *, or_file: bool = False) -> dict[str, Any]:
    name = f"_instui_{which}"
    bash = [f'compgen -W "$(_instui_ask {command})" -- "$1"', *(['compgen -f -- "$1"'] if or_file else [])]
    zsh = [f'"names:{what}:($(_instui_ask {command}))"', *(['"files:journal:_files"'] if or_file else [])]
    fish = [f"_instui_ask {command}", *(["__fish_complete_path (commandline -ct)"] if or_file else [])]
    return {
        "bash": name,
        "zsh": name,
        "fish": f"({name})",
        "preamble": {
            "bash": f"{name}() {{\n  {'; '.join(bash)}\n}}",
            "zsh": f"{name}() {{\n  _alternative {' '.join(zsh)}\n}}",
            "fish": f"function {name}\n  {'; '.join(fish)}\nend",
        },
    }
