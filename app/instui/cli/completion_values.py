"""What the completion scripts of shtab lack: `--flag=VALUE` (in fish only where it is a path), and home in zsh.

There a flag of home would hide that of the same name which a command has.
"""

import re

_BASH = r"""
# bash makes three words of --flag=VALUE
_instui() {
  local -a typed=("${COMP_WORDS[@]}") COMP_WORDS=("${COMP_WORDS[0]}")
  local i last=$COMP_CWORD COMP_CWORD=0
  for ((i = 1; i < ${#typed[@]}; i++)); do
    if [[ "${typed[i]}" == "=" && "${typed[i-1]}" == --* ]]; then
      ((i == last)) && COMP_WORDS+=("")
    else
      COMP_WORDS+=("${typed[i]}")
    fi
    ((i == last)) && COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  done
  _shtab_instui
}
"""
# where bash-completion looks by itself; shtab names another place, and a line in .bashrc that is not needed then
_USAGE = re.compile(r"^# Usage:\n(?:# \d\).*\n|#    .*\n)+", re.MULTILINE)
_PLACE = """\
# Usage: with the package bash-completion, copy this to
#    ~/.local/share/bash-completion/completions/instui
"""
_COMPLETE = re.compile(r"^complete .*-F _shtab_instui instui$", re.MULTILINE)
# "--flag[help]:what:how", or {-f,--flag}"[help]:what:how"
_TAKES_VALUE = re.compile(r'^  ("--[\w-]+|\{-[^}]*\}")(?=\[(\\.|[^]\\])*\]:)', re.MULTILINE)
_TOP = "_arguments -C -s $_shtab_instui_options"
_TOP_BEFORE_COMMAND = "_arguments -C -s -A '-*' $_shtab_instui_options"
_PATH = "(__fish_complete_path (commandline -ct))"
_PATH_AFTER_FLAG = "(__fish_complete_path (string replace -r '^--[^=]*=' '' -- (commandline -ct)))"


def with_values(script: str, shell: str) -> str:
    """The script of shtab for that shell, completed by what it lacks."""
    if shell == "zsh":
        script = script.replace(_TOP, _TOP_BEFORE_COMMAND)
        return _TAKES_VALUE.sub(lambda found: re.sub(r"--[\w-]+", r"\g<0>=", found[0]), script)
    if shell == "bash":
        script = _USAGE.sub(_PLACE, script, count=1)
        return _COMPLETE.sub(lambda found: _BASH + found[0].replace("-F _shtab_instui", "-F _instui"), script)
    return script.replace(_PATH, _PATH_AFTER_FLAG)
