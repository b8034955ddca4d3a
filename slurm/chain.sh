#!/bin/bash
# Submits jobs that follow each other, for sites that do not requeue: each goes on where the one before it stopped.
#   slurm/chain.sh 5 sweep.yaml runs/sweep
set -euo pipefail
jobs=$1 document=$2 run=$3
script=$(dirname "${BASH_SOURCE[0]}")/one-job.sh
id=$(sbatch --parsable "$script" "$document" "$run")
for ((k = 1; k < jobs; ++k)); do
  id=$(sbatch --parsable --dependency="afterany:$id" "$script" "$document" "$run")
done
echo "submitted $jobs jobs; the last one is $id"
