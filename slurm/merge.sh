#!/bin/bash
# Joins the shards of a sweep (see array.sh), and computes what has waited for that: reductions, say.
#   sbatch slurm/merge.sh sweep.yaml runs/sweep 8
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --requeue

shards=()
for ((k = 1; k <= $3; ++k)); do shards+=("$2.shards/$k"); done
pipeline_app merge "${shards[@]}" --into "$2" --resume || exit

# Slurm warns this script 120 s before the end; mpirun passes that on to the ranks, which drain.
trap 'kill -USR1 "$run"' USR1
mpirun pipeline_app map "$1" --run-folder "$2" --resume --progress plain &
run=$!
wait "$run"; code=$?
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done # the trap had interrupted the wait
if ((code == 75)); then scontrol requeue "$SLURM_JOB_ID"; fi # stopped in order, and not complete
exit "$code"
