#!/bin/bash
# One job. It stops in order before its time is over (exit code 75); submit it again and it goes on.
#   sbatch slurm/one-job.sh sweep.yaml runs/sweep
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append

# Slurm warns this script 120 s before the end; mpirun passes that on to the ranks, which drain.
trap 'kill -USR1 "$run"' USR1
mpirun pipeline_app map "$1" --run-folder "$2" --resume --progress plain &
run=$!
wait "$run"; code=$?
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done # the trap had interrupted the wait
exit "$code"
