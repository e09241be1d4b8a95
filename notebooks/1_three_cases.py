# %% [markdown]
# # Lesson 1: one network, three ways
#
# bnstudy trains one convolutional network in three ways:
#
# - **case a**: without batch normalization; gradients by automatic differentiation; Adam;
# - **case b**: with the framework's batch norm layer; the rest as in a;
# - **case c**: with a batch norm of our own, every gradient of the network written by hand, and
#   AMSGrad.
#
# In this lesson you train all three on small images of digits, compare them, and then change one
# thing at a time. You need a little Python and no mathematics. Running everything takes two or
# three minutes on two processor cores, and downloads no data.

# %% [markdown]
# ## Configure
#
# A configuration has a few dozen keys, and each has a default. A *case* and a *preset* change some
# of them. The preset `quick` takes the built-in digits and a narrow network. A key of your own
# comes last, and wins.

# %%
import bnstudy

EPOCHS = 4
LIMIT = None  # training images; None is all 1,437

SIZE = {"training.epochs": EPOCHS, "data.train_limit": LIMIT}
configs = {
    case: bnstudy.load_config(case=case, presets=["quick"], overrides=SIZE) for case in "abc"
}

# %% [markdown]
# What distinguishes two cases? Ask the configurations themselves.


# %%
def differences(one, other):
    """Print the keys in which two configurations differ."""
    theirs = other.flat()
    for key, value in one.flat().items():
        if value != theirs[key]:
            print(f"{key:<22} {value!s:<10} {theirs[key]}")


print("case b against case a")
differences(configs["b"], configs["a"])
print("\ncase c against case b")
differences(configs["c"], configs["b"])

# %% [markdown]
# From a to b there is one change. From b to c there are several at once, so a comparison of b with
# c cannot say which of them mattered. (That is a weakness of the original experiment. In bnstudy
# each change also has a key of its own.)
#
# A wrong key is caught at once, and the message says what would be right:

# %%
try:
    bnstudy.load_config(case="a", overrides={"training.epoch": 4})
except bnstudy.UserError as error:
    print(error)

# %% [markdown]
# ## Run
#
# `bnstudy.run` trains, and leaves everything in a folder. Each epoch prints a line. You may
# interrupt the cell (the stop button, or *Kernel > Interrupt*): the run saves its state, and
# running the cell again continues where it stopped.

# %%
for case, config in configs.items():
    print(f"case {case}")
    bnstudy.run(config, f"logs/case-{case}")

# %% [markdown]
# *Before you go on: which case do you expect to have the best test accuracy?*
#
# ## Plot and compare

# %%
bnstudy.plot(["logs/case-a", "logs/case-b", "logs/case-c"])

# %%
print("case   training accuracy   test accuracy   seconds for the last epoch")
for case in configs:
    log = bnstudy.load_log(f"logs/case-{case}")
    train, test = (log.result[f"{split}_accuracy"] for split in ("train", "test"))
    print(f"{case:<6} {train:<19.3f} {test:<15.3f} {log.metrics['train_seconds'][-1]:.1f}")

# %% [markdown]
# Is the ranking real? Each case was run once, with one seed: with another seed the initial weights
# and the order of the images differ, and so does the result. The published runs of this experiment
# have three seeds each, and ten epochs:
#
# | case | test accuracy after ten epochs, seeds 0, 1, 2 |
# | --- | --- |
# | a | 0.975, 0.947, 0.953 |
# | b | 0.953, 0.983, 0.972 |
# | c | 0.989, 0.975, 0.997 |
#
# If your differences are smaller than those between the seeds of one case, they say nothing.

# %% [markdown]
# ## Change one key
#
# Configurations are YAML files, so that an experiment can be kept, compared and repeated. This one
# extends case c and moves batch norm: after every hidden convolution, as in the paper by Ioffe and
# Szegedy, in place of twice in the network.

# %%
from pathlib import Path

Path("mine.yaml").write_text("extends: cases/c\nbn: {placement: after_hidden_conv}\n")
mine = bnstudy.load_config(presets=["quick"], file="mine.yaml", overrides=SIZE)
differences(mine, configs["c"])

# %%
bnstudy.run(mine, "logs/mine")
bnstudy.plot(["logs/case-c", "logs/mine"], metric=["train_cost", "test_cost"])

# %% [markdown]
# ## What next?
#
# Change `mine.yaml`, one key at a time, and give each run a folder of its own. Before each run,
# write down what you expect; that is the difference between an experiment and a game.
#
# - `optimizer: {learning_rate: 0.02}`, twenty times the usual one, for case a and for case b: which
#   of them still learns?
# - `bn: {momentum: 0.999}`: the training accuracy stays as it is. Why does the test accuracy not?
#   (Lesson 3.)
# - `training: {gradients: as_posted}` for case c: the author's own gradients, with three errors.
#   (Lesson 6.)
#
# All keys, with what they do, are in `configs/base.yaml`. The same from a terminal:
# `bnstudy run --config mine.yaml --preset quick`.
