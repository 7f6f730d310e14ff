import type { CompletedCommand, Values } from './model.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The completion script of a shell. */
export function completionScript(shell: Shell, commands: CompletedCommand[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands)
}

// Each script finds the words of the command by walking over the line, and offers what can follow them. A word after an
// option with a value belongs to the option.

// bash evaluates words like $(...) that it offers, so the names of context files are checked. A relative XDG_CONFIG_HOME
// would name files of the current folder, which may be somebody else's repository.
const nameCharacters = 'A-Za-z0-9._-'

function bashScript(commands: CompletedCommand[]): string {
  const cases = (line: (command: CompletedCommand) => string | undefined) =>
    commands.flatMap((command) => line(command) ?? []).join('\n')
  const values = valueCases(commands, (pattern, each) => `    ${pattern}) ${bashValues(each)} ;;`)
  return `# Completion of capstan for bash: eval "$(capstan completion bash)"
_capstan_has_value() {
  case "$1" in
${valueOptions(commands, (pattern) => `    ${pattern}) return 0 ;;`)}
  esac
  return 1
}

_capstan_commands() {
  case "$1" in
${cases(({ words, commands: below }) => (below.length === 0 ? undefined : `    '${words}') echo '${below.map(({ name }) => name).join(' ')}' ;;`))}
  esac
}

_capstan_options() {
  case "$1" in
${cases(({ words, options }) => `    '${words}') echo '${options.map(({ name }) => name).join(' ')}' ;;`)}
  esac
}

_capstan_contexts() {
  local file folder=$XDG_CONFIG_HOME
  case "$folder" in /*) ;; *) folder=$HOME/.config ;; esac
  echo local
  for file in "$folder"/capstan/contexts/*.json; do
    [ -e "$file" ] || continue
    file=\${file##*/}
    file=\${file%.json}
    case "$file" in *[!${nameCharacters}]*) ;; *) echo "$file" ;; esac
  done
}

_capstan_values() {
  local list=
  case "$1" in
${values}
  esac
  COMPREPLY=($(compgen -W "$list" -- "$cur"))
}

_capstan() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= word= last= i
  COMPREPLY=()
  [ "$cur" = '=' ] && cur=
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [ "$word" = '=' ] && continue
    if [ -n "$last" ] && _capstan_has_value "$path:$last"; then last=; continue; fi
    last=
    case "$word" in
      -*) last=$word ;;
      *) case " $(_capstan_commands "$path") " in *" $word "*) path="\${path:+$path }$word" ;; esac ;;
    esac
  done
  if [ -n "$last" ] && _capstan_has_value "$path:$last"; then _capstan_values "$path:$last"
  elif [ "\${cur#-}" != "$cur" ]; then COMPREPLY=($(compgen -W "$(_capstan_options "$path")" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$(_capstan_commands "$path")" -- "$cur"))
    [ \${#COMPREPLY[@]} -eq 0 ] && _capstan_values "$path:"
  fi
}
complete -F _capstan capstan
`
}

function bashValues(values: Values): string {
  if (values === 'files') return `COMPREPLY=($(compgen -f -- "$cur")); return`
  if (values === 'contexts') return 'list=$(_capstan_contexts)'
  return `list='${values === 'none' ? '' : values.join(' ')}'`
}

function zshScript(commands: CompletedCommand[]): string {
  const offered = commands.map(({ words, commands: below, options }) => {
    const list = (items: { name: string; about: string }[]) =>
      items.map(({ name, about }) => quoted(`${name.replaceAll(':', '\\:')}:${about}`)).join(' ')
    return `    '${words}') names=(${list(below)}); flags=(${list(options)}) ;;`
  })
  const values = valueCases(commands, (pattern, each) => `    ${pattern}) ${zshValues(each)} ;;`)
  return `#compdef capstan
# Completion of capstan for zsh: eval "$(capstan completion zsh)", after compinit
_capstan_has_value() {
  case "$1" in
${valueOptions(commands, (pattern) => `    ${pattern}) return 0 ;;`)}
  esac
  return 1
}

_capstan_offer() {
  names=() flags=()
  case "$1" in
${offered.join('\n')}
  esac
}

_capstan_contexts() {
  local folder=$XDG_CONFIG_HOME
  local -a known
  [[ $folder == /* ]] || folder=$HOME/.config
  known=("$folder"/capstan/contexts/*.json(N:t:r))
  compadd -- local \${known:#*[!${nameCharacters}]*}
}

_capstan_values() {
  case "$1" in
${values}
  esac
}

_capstan() {
  local line= word= last= i
  local -a names flags
  _capstan_offer ''
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $last ]] && _capstan_has_value "$line:$last"; then last=; continue; fi
    last=
    if [[ $word == -* ]]; then last=$word
    elif [[ -n \${(M)names:#$word:*} ]]; then line="\${line:+$line }$word"; _capstan_offer "$line"
    fi
  done
  if [[ -n $last ]] && _capstan_has_value "$line:$last"; then _capstan_values "$line:$last"
  elif [[ \${words[CURRENT]} == -* ]]; then _describe -o option flags
  elif ((\${#names})); then _describe command names || _capstan_values "$line:"
  else _capstan_values "$line:"
  fi
}
# Sourced by eval, or autoloaded from a folder of fpath.
if [[ \${funcstack[1]} == _capstan ]]; then _capstan "$@"; else compdef _capstan capstan; fi
`
}

function zshValues(values: Values): string {
  if (values === 'files') return '_files'
  if (values === 'contexts') return '_capstan_contexts'
  return values === 'none' ? ':' : `compadd -- ${values.join(' ')}`
}

function fishScript(commands: CompletedCommand[]): string {
  const offered = commands.map(({ words, commands: below, options }) => {
    const lines = (items: { name: string; about: string }[]) =>
      items.map(({ name, about }) => fishQuoted(`${name}\t${about}`)).join(' ')
    return `        case ${fishQuoted(words)}
            set -g __capstan_commands ${lines(below)}
            set -g __capstan_options ${lines(options)}`
  })
  const values = valueCases(
    commands,
    (pattern, each) => `        case ${pattern.replaceAll('|', ' ')}\n            ${fishValues(each)}`,
  )
  return `# Completion of capstan for fish: capstan completion fish | source
function __capstan_has_value
    switch $argv[1]
${valueOptions(commands, (pattern) => `        case ${pattern.replaceAll('|', ' ')}\n            return 0`)}
    end
    return 1
end

function __capstan_offer
    set -g __capstan_commands
    set -g __capstan_options
    switch "$argv[1]"
${offered.join('\n')}
    end
end

function __capstan_contexts
    set -l folder $XDG_CONFIG_HOME
    string match -q -- '/*' "$folder"; or set folder $HOME/.config
    echo local
    for file in $folder/capstan/contexts/*.json
        string replace -f -r '^.*/([${nameCharacters}]+)\\.json$' '$1' -- $file
    end
end

function __capstan_values
    switch $argv[1]
${values}
    end
end

function __capstan
    set -l line
    set -l last
    __capstan_offer ''
    for word in (commandline -opc)[2..-1]
        if test -n "$last"; and __capstan_has_value "$line:$last"
            set last
            continue
        end
        set last
        if string match -q -- '-*' $word
            set last $word
        else if string match -q -- $word\\t'*' $__capstan_commands
            set line (string trim -- "$line $word")
            __capstan_offer "$line"
        end
    end
    if test -n "$last"; and __capstan_has_value "$line:$last"
        __capstan_values "$line:$last"
    else if string match -q -- '-*' (commandline -ct)
        printf '%s\\n' $__capstan_options
    else
        test -n "$__capstan_commands"; and printf '%s\\n' $__capstan_commands
        __capstan_values "$line:"
    end
end
complete -c capstan -f -a '(__capstan)'
`
}

function fishValues(values: Values): string {
  if (values === 'files') return '__fish_complete_path (commandline -ct)'
  if (values === 'contexts') return '__capstan_contexts'
  return values === 'none' ? 'true' : `printf '%s\\n' ${values.join(' ')}`
}

/** A case for each option with known values (`words:--option`), and for the arguments of each command (`words:`). */
function valueCases(commands: CompletedCommand[], line: (pattern: string, values: Values) => string): string {
  const entries = commands.flatMap(({ words, options, values }) => [
    ...options.map((option) => ({ key: `${words}:${option.name}`, values: option.values })),
    { key: `${words}:`, values },
  ])
  const known = entries.filter(({ values }) => values !== 'none')
  return grouped(known)
    .map(([keys, values]) => line(patternOf(keys), values))
    .join('\n')
}

function valueOptions(commands: CompletedCommand[], line: (pattern: string) => string): string {
  const keys = commands.flatMap(({ words, options }) =>
    options.filter(({ takesValue }) => takesValue).map(({ name }) => `${words}:${name}`),
  )
  return line(patternOf(keys))
}

/** Keys with the same values together. */
function grouped(entries: { key: string; values: Values }[]): [string[], Values][] {
  const groups = Map.groupBy(entries, ({ values }) => JSON.stringify(values))
  return [...groups.values()].flatMap((each) =>
    each[0] === undefined ? [] : [[each.map(({ key }) => key), each[0].values]],
  )
}

const patternOf = (keys: string[]) => keys.map((key) => `'${key}'`).join('|')
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const fishQuoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
