#!/bin/bash
# One job, started by srun, where Slurm has PMIx (srun --mpi=list). Without it each rank would run alone: use one-job.sh.
#   sbatch slurm/srun.sh sweep.yaml runs/sweep
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append

# Slurm warns this script 120 s before the end; srun passes that on to the ranks, which drain.
trap 'kill -USR1 "$run"' USR1
srun --mpi=pmix pipeline_app map "$1" --run-folder "$2" --resume --progress plain &
run=$!
wait "$run"; code=$?
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done # the trap had interrupted the wait
exit "$code"
