# Completion of pipeline_app for fish.
# Made by `pipeline_app print-page fish`; see docs/contributing.md.

# Names of the document or run that is the first argument of the command, which is the third word.
function __pipeline_app_names
    set -l words (commandline -opc)
    set -q words[3]; or return
    # A document or a folder of a run: an option is neither.
    string match -q -- '-*' $words[3]; and return
    $words[1] complete-names $argv[1] $words[3] 2>/dev/null </dev/null
end

function __pipeline_app_assignments
    __pipeline_app_names $argv[1] | string replace -r '$' '='
end

# A value, or OUTPUT=VALUE.
function __pipeline_app_of_output
    printf '%s\n' $argv
    for name in (__pipeline_app_names outputs)
        printf "$name=%s\n" $argv
    end
end

function __pipeline_app_documents
    __fish_complete_path (commandline -ct) | string match -r '^[^\t]*(?:/|\.ya?ml|\.json)(?:\t.*)?$'
end

# Whether the first argument of a command is typed, or a later one.
function __pipeline_app_argument
    test (count (commandline -opc)) $argv[1] 2
end

complete -c pipeline_app -f
complete -c pipeline_app -n __fish_use_subcommand -l version -d 'Print the version and end'
complete -c pipeline_app -n __fish_use_subcommand -s h -l help -d 'Print this and end'
complete -c pipeline_app -n __fish_use_subcommand -a map -d 'Runs a pipeline over its inputs; under mpirun on all ranks'
complete -c pipeline_app -n __fish_use_subcommand -a merge -d 'Joins parts of one sweep (map --shard) into one run'
complete -c pipeline_app -n __fish_use_subcommand -a run -d 'Computes outputs from inputs, once, in this process'
complete -c pipeline_app -n __fish_use_subcommand -a replay -d 'Calls the function of one element of a run again, in this process'
complete -c pipeline_app -n __fish_use_subcommand -a describe -d 'Shows functions, inputs, axes and stages of a document'
complete -c pipeline_app -n __fish_use_subcommand -a show -d 'Shows the results of a run, complete or not'
complete -c pipeline_app -n __fish_use_subcommand -a export -d 'Copies results for other tools'
complete -c pipeline_app -n __fish_use_subcommand -a status -d 'Tells how a run goes, or how it ended'
complete -c pipeline_app -n __fish_use_subcommand -a report -d 'Writes a page about a run, complete or not, for a browser'
complete -c pipeline_app -n __fish_use_subcommand -a verify -d 'Checks every promise about a run folder, byte for byte'
complete -c pipeline_app -n __fish_use_subcommand -a watch -d 'Waits until a run has ended: 0 completed, 1 not, 2 out of time'
complete -c pipeline_app -n __fish_use_subcommand -a list-runs -d 'Lists the runs in a folder and how they go'
complete -c pipeline_app -n __fish_use_subcommand -a errors -d 'Tells which elements of a run failed, and why'
complete -c pipeline_app -n __fish_use_subcommand -a bench -d 'Measures messages, blocks and storing on this machine; under mpirun on all ranks'
complete -c pipeline_app -n __fish_use_subcommand -a slurm -d 'Prints a batch script for Slurm; submits nothing'
complete -c pipeline_app -n __fish_use_subcommand -a init -d 'Writes a commented document to begin with'
complete -c pipeline_app -n __fish_use_subcommand -a import-pipefunc -d 'Writes a document with the functions of a Pipeline of pipefunc'
complete -c pipeline_app -n __fish_use_subcommand -a help -d 'Prints the help of a command'

complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l run-folder -x -a '(__fish_complete_directories)' -d 'Where results go, relative to the working directory [MPIPE_RUN_FOLDER]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l resume -d 'Go on with the run in the run folder: compute what is missing. With no run there: begin one [MPIPE_RESUME]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l overwrite -d 'Replace the run in the run folder. Only files that a run makes are removed; anything else in the way is refused'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l take-over -d 'Use the run folder also when a run has it whose host or container cannot be asked and that shows no sign of life: one that was lost with its node, say'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l reuse -x -a '(__fish_complete_directories)' -d 'Take what earlier runs have computed with equal functions and arguments, wherever it is in their sweeps. May be repeated [MPIPE_REUSE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l set -x -a '(__pipeline_app_assignments inputs)' -d 'An input, in the syntax of the document; over --inputs. May be repeated'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l inputs -x -a '(__fish_complete_path (commandline -ct))' -d 'A file of inputs, name: value; over the document. May be repeated [MPIPE_INPUTS]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l output -x -a '(__pipeline_app_names outputs)' -d 'Compute these outputs and what they need'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l fixed -x -a '(__pipeline_app_assignments axes)' -d 'Compute these positions of an axis; negative ones count from the end. May be repeated, or several by commas'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l shard -x -d 'Compute part K of N of the sweep, in a run folder of its own; merge joins the parts [MPIPE_SHARD]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l executor -x -a '(__pipeline_app_of_output mpi threads processes sequential)' -d 'Who calls functions: mpi, threads, threads:N, processes, processes:N or sequential. May be repeated, or several by commas [MPIPE_EXECUTOR]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l isolate -x -a '(__pipeline_app_names outputs)' -d 'Call the function of this output in processes of its own: a crash costs one element. May be repeated [MPIPE_ISOLATE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l storage -x -a '(__pipeline_app_of_output memory hdf5 file)' -d 'Where values are kept: memory, hdf5 or file (an .npy file per element). May be repeated, or several by commas [MPIPE_STORAGE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l chunksizes -x -a '(__pipeline_app_of_output )' -d 'Elements per block, or auto. May be repeated, or several by commas [MPIPE_CHUNKSIZES]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l rank0 -x -a 'auto schedule work' -d 'Whether rank 0 computes too. auto: it does where that delays nobody; work: elements of any length [MPIPE_RANK0]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l seed -x -d 'Of all random numbers but those of inputs [MPIPE_SEED]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l max-concurrent -x -d 'At most N of the document\'s runs at a time [MPIPE_MAX_CONCURRENT]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l error-handling -x -a 'raise continue' -d 'raise: the first failed element ends the run. continue: it costs itself and what needs it [MPIPE_ERROR_HANDLING]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l max-failures -x -d 'With continue: stop, as under raise, when more than N elements have failed in this start [MPIPE_MAX_FAILURES]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l retries -x -d 'Try an element that fails again, at most N times, before it counts as failed [MPIPE_RETRIES]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l survive -d 'Go on when a rank dies, with those that are left; with mpirun --enable-recovery. Needs a run folder [MPIPE_SURVIVE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l retry-failed -d 'With --resume: compute again what failed under continue, and what that blocked [MPIPE_RETRY_FAILED]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l redo -x -a '(__pipeline_app_names outputs)' -d 'With --resume: compute this output and all that needs it anew, say with other code. May be repeated [MPIPE_REDO]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l explain -d 'With --resume: tell of each output which elements are kept, and which are computed, and why [MPIPE_EXPLAIN]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l deadline -x -d 'Stop in order, with all stored, before this time: from now on (90, 30min, 1-12:00:00), or a moment (2026-12-01T08:00, @1764576000); exit code 75, and --resume goes on [MPIPE_DEADLINE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l memory -x -d 'What the arrays of a run may take on each node: 4GB, 512MiB, or 80% of what it, or its control group, has. Values that are in the results file are looked at there; what must be in memory and is larger is refused [MPIPE_MEMORY]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l scratch -x -a '(__fish_complete_directories)' -d 'Where programs run, say on a local disk of each node; folders of those that failed stay there [MPIPE_SCRATCH]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l dry-run -d 'Check everything, print the plan, run nothing. With --json as JSON [MPIPE_DRY_RUN]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l pilot -x -d 'With --dry-run: compute some N elements of each function, store nothing, and predict the run [MPIPE_PILOT]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l for-ranks -x -d 'With --pilot: predict runs on so many ranks as well, 64,256. May be repeated [MPIPE_FOR_RANKS]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l json -d 'Print the results as one JSON object [MPIPE_JSON]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l progress -x -a 'auto bar plain none' -d 'How progress is shown. auto: a bar on a terminal, else plain: a line every 5 % (at most one a second), and at least every 30 s [MPIPE_PROGRESS]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l log-level -x -a 'trace debug info warn error critical off' -d 'Of standard error: trace, debug, info, warn, error, critical or off [MPIPE_LOG_LEVEL]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l trace -x -a '(__fish_complete_path (commandline -ct))' -d 'Write a timeline of all workers for Perfetto or chrome://tracing [MPIPE_TRACE]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -l max-print -x -d 'With --json: no data of outputs with more values; 0: never any [MPIPE_MAX_PRINT]'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from map' -a '(__pipeline_app_documents)' -d 'The pipeline document (YAML or JSON)'

complete -c pipeline_app -n '__fish_seen_subcommand_from merge' -l into -x -a '(__fish_complete_directories)' -d 'The run folder that gets everything'
complete -c pipeline_app -n '__fish_seen_subcommand_from merge' -l resume -d 'Add to the run that is in that folder, if there is one'
complete -c pipeline_app -n '__fish_seen_subcommand_from merge' -l overwrite -d 'Replace the run that is in that folder'
complete -c pipeline_app -n '__fish_seen_subcommand_from merge' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from merge' -a '(__fish_complete_directories)' -d 'The run folders of the parts; they stay as they are'

complete -c pipeline_app -n '__fish_seen_subcommand_from run' -l set -x -a '(__pipeline_app_assignments inputs)' -d 'An input, in the syntax of the document; over --inputs. May be repeated'
complete -c pipeline_app -n '__fish_seen_subcommand_from run' -l inputs -x -a '(__fish_complete_path (commandline -ct))' -d 'A file of inputs, name: value; over the document. May be repeated [MPIPE_INPUTS]'
complete -c pipeline_app -n '__fish_seen_subcommand_from run' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from run' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from run; and __pipeline_app_argument -eq' -a '(__pipeline_app_documents)' -d 'The pipeline document (YAML or JSON)'
complete -c pipeline_app -n '__fish_seen_subcommand_from run; and __pipeline_app_argument -gt' -a '(__pipeline_app_names outputs)' -d 'What to compute'

complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l output -x -d 'An output of the function'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l index -x -d 'The element: a position for each axis'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l set -x -a '(__pipeline_app_assignments inputs)' -d 'An input, in the syntax of the document; over --inputs. May be repeated'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l inputs -x -a '(__fish_complete_path (commandline -ct))' -d 'A file of inputs, name: value; over the document. May be repeated [MPIPE_INPUTS]'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l gdb -d 'Within the debugger gdb'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from replay' -a '(__fish_complete_directories)' -d 'The run folder'

complete -c pipeline_app -n '__fish_seen_subcommand_from describe' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from describe' -l dot -d 'Print a drawing for Graphviz (dot -Tsvg)'
complete -c pipeline_app -n '__fish_seen_subcommand_from describe' -l mermaid -d 'Print a drawing for Mermaid'
complete -c pipeline_app -n '__fish_seen_subcommand_from describe' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from describe' -a '(__pipeline_app_documents)' -d 'The pipeline document (YAML or JSON)'

complete -c pipeline_app -n '__fish_seen_subcommand_from show' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from show' -l csv -d 'Print comma-separated values: a table for each set of axes'
complete -c pipeline_app -n '__fish_seen_subcommand_from show' -l npy -x -a '(__fish_complete_path (commandline -ct))' -d 'Write one output to a file of numpy'
complete -c pipeline_app -n '__fish_seen_subcommand_from show' -l max-print -x -d 'Rows of a table, or values of an output in JSON, above which data are left out [MPIPE_MAX_PRINT]'
complete -c pipeline_app -n '__fish_seen_subcommand_from show' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from show; and __pipeline_app_argument -eq' -a '(__fish_complete_directories)' -d 'The run folder'
complete -c pipeline_app -n '__fish_seen_subcommand_from show; and __pipeline_app_argument -gt' -a '(__pipeline_app_names outputs)' -d 'Outputs to show; all unless said'

complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l csv -x -a '(__fish_complete_path (commandline -ct))' -d 'Write a table of comma-separated values'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l netcdf -x -a '(__fish_complete_path (commandline -ct))' -d 'Write a NetCDF-4 file'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l zarr -x -a '(__fish_complete_directories)' -d 'Write a new folder in Zarr\'s format 2'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l tidy -d 'A row for each element: axes and inputs on them, then outputs'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l status -d 'Behind each output a column: done, pending, failed or blocked'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l coords -d 'The input on an axis becomes its coordinate, and names it'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l compress -d 'With --zarr: chunks are compressed by zlib'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -l overwrite -d 'Replace a file that is there'
complete -c pipeline_app -n '__fish_seen_subcommand_from export' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from export; and __pipeline_app_argument -eq' -a '(__fish_complete_directories)' -d 'The run folder'
complete -c pipeline_app -n '__fish_seen_subcommand_from export; and __pipeline_app_argument -gt' -a '(__pipeline_app_names outputs)' -d 'Outputs to copy; all unless said'

complete -c pipeline_app -n '__fish_seen_subcommand_from status' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from status' -l exit-code -d 'Return the exit code of the run; 75 while it is pending or running, 5 when its process is gone'
complete -c pipeline_app -n '__fish_seen_subcommand_from status' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from status' -a '(__fish_complete_directories)' -d 'The run folder'

complete -c pipeline_app -n '__fish_seen_subcommand_from report' -s o -x -a '(__fish_complete_path (commandline -ct))' -d 'The file to write, such as report.html; an earlier report is replaced'
complete -c pipeline_app -n '__fish_seen_subcommand_from report' -l overwrite -d 'Replace a file that is no report, too'
complete -c pipeline_app -n '__fish_seen_subcommand_from report' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from report' -a '(__fish_complete_directories)' -d 'The run folder, or the folder of the runs of a document with \'runs\''

complete -c pipeline_app -n '__fish_seen_subcommand_from verify' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from verify' -a '(__fish_complete_directories)' -d 'The run folder'

complete -c pipeline_app -n '__fish_seen_subcommand_from watch' -l interval -x -d 'Between two looks at it: 2s'
complete -c pipeline_app -n '__fish_seen_subcommand_from watch' -l timeout -x -d 'Wait at most so long: 90, 10min'
complete -c pipeline_app -n '__fish_seen_subcommand_from watch' -l json -d 'Print the status as one JSON object at the end'
complete -c pipeline_app -n '__fish_seen_subcommand_from watch' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from watch' -a '(__fish_complete_directories)' -d 'The run folder'

complete -c pipeline_app -n '__fish_seen_subcommand_from list-runs' -l json -d 'Print a JSON list of objects'
complete -c pipeline_app -n '__fish_seen_subcommand_from list-runs' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from list-runs' -a '(__fish_complete_directories)' -d 'The folder above the run folders'

complete -c pipeline_app -n '__fish_seen_subcommand_from errors' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from errors' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from errors' -a '(__fish_complete_directories)' -d 'The run folder'

complete -c pipeline_app -n '__fish_seen_subcommand_from bench' -l folder -x -a '(__fish_complete_directories)' -d 'Also measure storing, in a run folder in this one'
complete -c pipeline_app -n '__fish_seen_subcommand_from bench' -l size -x -d 'What to store, in megabytes; 256'
complete -c pipeline_app -n '__fish_seen_subcommand_from bench' -l json -d 'Print one JSON object'
complete -c pipeline_app -n '__fish_seen_subcommand_from bench' -s h -l help -d 'Print this and end'

complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l nodes -x -d 'Nodes of the job'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l ntasks-per-node -x -d 'Ranks on each node'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l time -x -d 'That the job may take: 04:00:00, 2h, 1-12:00:00'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l partition -x -d 'The partition'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l run-folder -x -a '(__fish_complete_directories)' -d 'Where results go; else as the document says, or runs/NAME'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l launcher -x -a 'mpirun srun' -d 'mpirun, or srun where Slurm has PMIx'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l requeue -d 'Have Slurm start the job again until the run is complete'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l chain -x -d 'Submit N jobs, each of which goes on after the one before'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -l array -x -d 'Submit an array of N jobs, one for each shard of the sweep, and one that merges them'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from slurm; and __pipeline_app_argument -eq' -a '(__pipeline_app_documents)' -d 'The pipeline document'

complete -c pipeline_app -n '__fish_seen_subcommand_from init' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from init' -a 'expr command python plugin' -d 'Who computes: expr, command, python or plugin; expr unless given'

complete -c pipeline_app -n '__fish_seen_subcommand_from import-pipefunc' -s o -l output -x -a '(__fish_complete_path (commandline -ct))' -d 'The document; sweep.yaml unless given'
complete -c pipeline_app -n '__fish_seen_subcommand_from import-pipefunc' -s h -l help -d 'Print this and end'

complete -c pipeline_app -n '__fish_seen_subcommand_from help' -s h -l help -d 'Print this and end'
complete -c pipeline_app -n '__fish_seen_subcommand_from help' -a 'map merge run replay describe show export status report verify watch list-runs errors bench slurm init import-pipefunc help' -d 'The command; the program unless given'
