#!/bin/bash
# sbatch --array=0-14 slurm.sh plan.yaml: the indices that `bnstudy sweep plan.yaml --list` prints
#SBATCH --requeue                  # may be moved to another node, by preemption for example
#SBATCH --open-mode=append         # one log over all its starts
#SBATCH --signal=B:TERM@120        # asked to save 120 seconds before its time is up
#SBATCH --time=4:00:00
#SBATCH --cpus-per-task=2

plan=${1:?"which plan? sbatch --array=0-14 slurm.sh PLAN"}
task=${SLURM_ARRAY_TASK_ID:?"which runs? sbatch --array=0-14 slurm.sh PLAN"}

# The same number of threads on every node: another number adds in another order, and the last digits differ.
export TF_NUM_INTRAOP_THREADS=$SLURM_CPUS_PER_TASK TF_NUM_INTEROP_THREADS=1

# In the background: in the foreground, the shell would run the trap only after the sweep has ended.
trap 'kill -TERM $!' TERM
bnstudy sweep "$plan" --only "$task" &
sweep=$!
wait "$sweep"
code=$?
if kill -0 "$sweep" 2>/dev/null; then  # a signal has ended the waiting, but not the sweep
  wait "$sweep"
  code=$?
fi
if [ "$code" = 130 ]; then  # it has saved its state: queue it again, to continue from there
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$task"
fi
exit "$code"
