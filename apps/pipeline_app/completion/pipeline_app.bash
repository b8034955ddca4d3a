# Completion of pipeline_app for bash 4.4 or newer.
# Made by `pipeline_app print-page bash`; see docs/contributing.md.

_pipeline_app_commands() { echo 'map merge run replay describe show export status report verify watch list-runs errors bench slurm init import-pipefunc help'; }

_pipeline_app_options() {
  case $1 in
    map) echo '--run-folder --resume --overwrite --take-over --reuse --set --inputs --output --fixed --shard --executor --isolate --storage --chunksizes --rank0 --seed --max-concurrent --error-handling --max-failures --retries --survive --retry-failed --redo --explain --deadline --memory --scratch --dry-run --pilot --for-ranks --json --progress --log-level --trace --max-print --help' ;;
    merge) echo '--into --resume --overwrite --help' ;;
    run) echo '--set --inputs --json --help' ;;
    replay) echo '--output --index --set --inputs --gdb --json --help' ;;
    describe) echo '--json --dot --mermaid --help' ;;
    show) echo '--json --csv --npy --max-print --help' ;;
    export) echo '--csv --netcdf --zarr --tidy --status --coords --compress --overwrite --help' ;;
    status) echo '--json --exit-code --help' ;;
    report) echo '-o --overwrite --help' ;;
    verify) echo '--help' ;;
    watch) echo '--interval --timeout --json --help' ;;
    list-runs) echo '--json --help' ;;
    errors) echo '--json --help' ;;
    bench) echo '--folder --size --json --help' ;;
    slurm) echo '--nodes --ntasks-per-node --time --partition --run-folder --launcher --requeue --chain --array --help' ;;
    init) echo '--help' ;;
    import-pipefunc) echo '--output --help' ;;
    help) echo '--help' ;;
  esac
}

# What an option of a command takes, and what stands in the place of its arguments.
_pipeline_app_kind() {
  case $1 in
    'map --run-folder') echo 'folders' ;;
    'map --reuse') echo 'folders' ;;
    'map --set') echo 'inputs' ;;
    'map --inputs') echo 'files' ;;
    'map --output') echo 'outputs' ;;
    'map --fixed') echo 'axes' ;;
    'map --shard') echo 'anything' ;;
    'map --executor') echo 'of-outputs mpi threads processes sequential' ;;
    'map --isolate') echo 'outputs' ;;
    'map --storage') echo 'of-outputs memory hdf5 file' ;;
    'map --chunksizes') echo 'of-outputs' ;;
    'map --rank0') echo 'words auto schedule work' ;;
    'map --seed') echo 'anything' ;;
    'map --max-concurrent') echo 'anything' ;;
    'map --error-handling') echo 'words raise continue' ;;
    'map --max-failures') echo 'anything' ;;
    'map --retries') echo 'anything' ;;
    'map --redo') echo 'outputs' ;;
    'map --deadline') echo 'anything' ;;
    'map --memory') echo 'anything' ;;
    'map --scratch') echo 'folders' ;;
    'map --pilot') echo 'anything' ;;
    'map --for-ranks') echo 'anything' ;;
    'map --progress') echo 'words auto bar plain none' ;;
    'map --log-level') echo 'words trace debug info warn error critical off' ;;
    'map --trace') echo 'files' ;;
    'map --max-print') echo 'anything' ;;
    'map 1') echo 'documents' ;;
    'merge --into') echo 'folders' ;;
    'merge 1' | 'merge ..') echo 'folders' ;;
    'run --set') echo 'inputs' ;;
    'run --inputs') echo 'files' ;;
    'run 1') echo 'documents' ;;
    'run 2' | 'run ..') echo 'outputs' ;;
    'replay --output') echo 'anything' ;;
    'replay --index') echo 'anything' ;;
    'replay --set') echo 'inputs' ;;
    'replay --inputs') echo 'files' ;;
    'replay 1') echo 'folders' ;;
    'describe 1') echo 'documents' ;;
    'show --npy') echo 'files' ;;
    'show --max-print') echo 'anything' ;;
    'show 1') echo 'folders' ;;
    'show 2' | 'show ..') echo 'outputs' ;;
    'export --csv') echo 'files' ;;
    'export --netcdf') echo 'files' ;;
    'export --zarr') echo 'folders' ;;
    'export 1') echo 'folders' ;;
    'export 2' | 'export ..') echo 'outputs' ;;
    'status 1') echo 'folders' ;;
    'report -o') echo 'files' ;;
    'report 1') echo 'folders' ;;
    'verify 1') echo 'folders' ;;
    'watch --interval') echo 'anything' ;;
    'watch --timeout') echo 'anything' ;;
    'watch 1') echo 'folders' ;;
    'list-runs 1') echo 'folders' ;;
    'errors 1') echo 'folders' ;;
    'bench --folder') echo 'folders' ;;
    'bench --size') echo 'anything' ;;
    'slurm --nodes') echo 'anything' ;;
    'slurm --ntasks-per-node') echo 'anything' ;;
    'slurm --time') echo 'anything' ;;
    'slurm --partition') echo 'anything' ;;
    'slurm --run-folder') echo 'folders' ;;
    'slurm --launcher') echo 'words mpirun srun' ;;
    'slurm --chain') echo 'anything' ;;
    'slurm --array') echo 'anything' ;;
    'slurm 1') echo 'documents' ;;
    'slurm 2' | 'slurm ..') echo 'anything' ;;
    'init 1') echo 'words expr command python plugin' ;;
    'import-pipefunc -o') echo 'files' ;;
    'import-pipefunc --output') echo 'files' ;;
    'import-pipefunc 1') echo 'anything' ;;
    'help 1') echo 'words map merge run replay describe show export status report verify watch list-runs errors bench slurm init import-pipefunc help' ;;
  esac
}

# Options that take all values that follow them.
_pipeline_app_lists() { echo ' map --output  replay --index '; }

# Candidates, one a line, for a value of this kind.
_pipeline_app_values() {
  local program=$1 subject=$2 current=$3 kind=$4
  shift 4
  case $kind in
    words) printf '%s\n' "$@" ;;
    of-outputs)
      if [[ $current == *=* ]]; then
        (($# == 0)) || printf "${current%%=*}=%s\n" "$@"
      else
        (($# == 0)) || printf '%s\n' "$@"
        [[ -z $subject ]] || "$program" complete-names outputs "$subject" 2>/dev/null </dev/null | sed 's/$/=/'
      fi ;;
    outputs) [[ -z $subject ]] || "$program" complete-names outputs "$subject" 2>/dev/null </dev/null ;;
    inputs | axes) [[ -z $subject ]] || "$program" complete-names "$kind" "$subject" 2>/dev/null </dev/null | sed 's/$/=/' ;;
    files) compgen -f -- "$current" ;;
    folders) compgen -d -- "$current" ;;
    documents)
      compgen -d -- "$current"
      compgen -f -- "$current" | grep -E '\.(ya?ml|json)$' ;;
  esac
}

_pipeline_app() {
  local words=() word command='' subject='' option='' kind='' position=0 at
  # Bash takes = and : for words of their own; here they are parts of the words around them.
  for ((at = 1; at <= COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if ((${#words[@]} > 0)) && [[ $word == [=:]* || ${words[-1]} == *[=:] ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  ((${#words[@]} > 0)) || words=('')
  local current=${words[-1]}
  unset 'words[-1]'
  for word in "${words[@]}"; do
    if [[ -z $command ]]; then
      [[ $word == -* ]] || command=$word
    elif [[ $word == -* ]]; then
      option=''
      [[ $word == *=* || -z $(_pipeline_app_kind "$command $word") ]] || option=$word
    elif [[ -n $option ]]; then
      # The value of an option; after one that takes several, what follows may be another one.
      [[ " $(_pipeline_app_lists) " == *" $command $option "* ]] || option=''
    else
      ((position += 1))
      [[ $position != 1 ]] || subject=$word
    fi
  done
  local head=''
  if [[ -z $command ]]; then
    kind="words $(_pipeline_app_commands) --help --version"
  elif [[ $current == --*=* ]]; then
    kind=$(_pipeline_app_kind "$command ${current%%=*}")
    head=${current%%=*}=
    current=${current#*=}
  elif [[ $current == -* ]]; then
    kind="words $(_pipeline_app_options "$command")"
  elif [[ -n $option ]]; then
    kind=$(_pipeline_app_kind "$command $option")
  else
    kind=$(_pipeline_app_kind "$command $((position + 1))")
    # The last argument of a command may stand for any number of them.
    [[ -n $kind ]] || kind=$(_pipeline_app_kind "$command ..")
  fi
  COMPREPLY=()
  [[ -n $kind ]] || return 0
  # What bash takes for words before this one is not repeated by what it puts in the place of this one.
  local whole=$head$current cut=''
  [[ $COMP_WORDBREAKS != *=* || $whole != *[=:]* ]] || cut=${whole%"${whole##*[=:]}"}
  local program=${COMP_WORDS[0]/#\~\//"$HOME"/} candidate kinds
  read -ra kinds <<<"$kind"
  while IFS= read -r candidate; do
    [[ $candidate == "$current"* ]] || continue
    candidate=$head$candidate
    COMPREPLY+=("${candidate#"$cut"}")
  done < <(_pipeline_app_values "$program" "${subject/#\~\//"$HOME"/}" "$current" "${kinds[@]}")
  case ${kinds[0]} in
    files | folders | documents) compopt -o filenames 2>/dev/null ;;
    *) [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null ;;
  esac
  return 0
}

complete -F _pipeline_app pipeline_app
