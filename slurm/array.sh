#!/bin/bash
# Submits an array of jobs, one for each shard of a sweep, and one that merges them when all are complete.
#   slurm/array.sh 8 sweep.yaml runs/sweep
set -euo pipefail
shards=$1 document=$2 run=$3
here=$(dirname "${BASH_SOURCE[0]}")
array=$(sbatch --parsable --array="1-$shards" "$here/shard.sh" "$document" "$run" "$shards")
id=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes "$here/merge.sh" "$document" "$run" "$shards")
echo "the array is $array; the job that merges it is $id"
