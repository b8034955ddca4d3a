#!/bin/bash
# One shard of a sweep: a task of an array of jobs (see array.sh), with a run folder of its own. `3` again after a failure:
#   sbatch --array=3 slurm/shard.sh sweep.yaml runs/sweep 8
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=16
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --requeue

# Slurm warns this script 120 s before the end; mpirun passes that on to the ranks, which drain.
trap 'kill -USR1 "$run"' USR1
mpirun pipeline_app map "$1" --shard "$SLURM_ARRAY_TASK_ID/$3" --run-folder "$2.shards/$SLURM_ARRAY_TASK_ID" \
  --resume --progress plain &
run=$!
wait "$run"; code=$?
while kill -0 "$run" 2>/dev/null; do wait "$run"; code=$?; done # the trap had interrupted the wait
# 75: stopped in order, and not complete. A task has a name of its own: its number may be that of the whole array.
if ((code == 75)); then scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
exit "$code"
