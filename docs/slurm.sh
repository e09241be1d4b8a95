#!/bin/bash
#SBATCH --array=0-14               # as many as `bnstudy sweep plan.yaml --list` lists
#SBATCH --requeue                  # may be moved to another node, by preemption for example
#SBATCH --open-mode=append         # one log over all its starts
#SBATCH --signal=B:TERM@120        # asked to save 120 seconds before its time is up
#SBATCH --time=4:00:00
#SBATCH --cpus-per-task=2

# As many threads on every node: other numbers add in another order, to other last digits.
export TF_NUM_INTRAOP_THREADS=$SLURM_CPUS_PER_TASK TF_NUM_INTEROP_THREADS=1

# In the background, since the shell hears a signal only while it waits.
trap 'kill -TERM $!' TERM
bnstudy sweep plan.yaml --only "$SLURM_ARRAY_TASK_ID" &
sweep=$!
wait "$sweep"
code=$?
if kill -0 "$sweep" 2>/dev/null; then  # a signal has ended the waiting, but not the sweep
  wait "$sweep"
  code=$?
fi
if [ "$code" = 130 ]; then  # it has saved: again from there
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
