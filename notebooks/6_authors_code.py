# %% [markdown]
# # Lesson 6: what the author's code did differently
#
# bnstudy reproduces a blog post of 2018 in which every gradient of a network was written by hand.
# The network learned, and the post shows good curves. Yet three of its derivatives are wrong. In
# this lesson you find them with a gradient check, understand each, and see why nobody noticed: the
# optimizer hides most of it.
#
# This is not to make fun of anybody. Writing all gradients by hand and publishing the code is
# more than most people do, and it is the reason why the errors can be found at all.
#
# You should have done lesson 2, or know how its layers are differentiated. Running everything takes
# two or three minutes on two processor cores.

# %% [markdown]
# ## Ask the check
#
# `bnstudy check` computes every derivative of the network in independent ways, compares them, and
# names the first layer at which they part. This is the command line's
# `bnstudy check --set training.gradients=as_posted`.

# %%
from bnstudy.cli.main import main

WIDTH = 0.1  # of the network; gradients are wrong or right at any width

exit_code = main(
    ["check", "--set", "training.gradients=as_posted", "--set", f"model.width={WIDTH}"]
)
print("exit code", exit_code)

# %% [markdown]
# Read it from the top of the second table: the backward pass starts at the cost. A row says *by
# hand alone* where the layer itself is wrong, and *passes it on* where the layer is right and only
# receives a wrong gradient from above. Look at how the difference grows on the way down to the
# first layer.
#
# The last lines name the mistakes. There are three, in four places:
#
# 1. **The cost and the mean over the pixels**: the gradient is softmax minus label, without the
#    divisions by the number of images and of pixels.
# 2. **ELU**: for $x > 0$ the slope is 2 in place of 1.
# 3. **Average pooling**: each pixel receives the whole gradient of its block, not a quarter.

# %% [markdown]
# ## Each mistake by itself
#
# Here are the three, as the author wrote them, but in NumPy. `bnstudy.check_layer` is the same
# check for one layer as in lesson 2; without `hints_only`, it names what is wrong. Of its table,
# look at `difference` and at the last column (`docs/gradient_check.md` explains the others).
#
# *Before you run each cell: how could one write this, and believe that it is right?*

# %%
import matplotlib.pyplot as plt
import numpy as np

import bnstudy


def elu_forward(x):
    y = np.where(x > 0, x, np.exp(np.where(x > 0, 0, x)) - 1)
    return y, y


def posted_elu_backward(dy, y):
    return dy * (np.where(y > 0, 1, y) + 1)  # dy (y + 1) on the left; on the right dy (1 + 1)


random = np.random.default_rng(0)
bnstudy.check_layer(elu_forward, posted_elu_backward, (random.normal(size=(5, 7)),))

# %% [markdown]
# The derivative of $e^x - 1$ is $y + 1$, which is right for $x \le 0$. The 1 was then added on the
# other side, too.


# %%
def pool_forward(x):
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4)), x.shape


def posted_pool_backward(dy, shape):
    return np.repeat(np.repeat(dy, 2, axis=1), 2, axis=2)


bnstudy.check_layer(pool_forward, posted_pool_backward, (random.normal(size=(3, 4, 6, 2)),))


# %%
def cost_forward(logits, labels):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(labels)), labels])), (p, labels)


def posted_cost_backward(dcost, cache):
    p, labels = cache
    return dcost * (p - np.eye(p.shape[1])[labels])


inputs = random.normal(size=(6, 4)), random.integers(4, size=6)
bnstudy.check_layer(cost_forward, posted_cost_backward, inputs)

# %% [markdown]
# ## Why it learned all the same
#
# Mistakes 1 and 3 multiply all gradients of a layer by one constant. Now remember what Adam and
# AMSGrad do: they divide by a running size of the gradient itself. In the author's network, mistake
# 1 alone makes every gradient 3,200 times as large: 50 images times 64 pixels. *What happens to the
# step?*

# %%
from bnstudy.backend.startup import import_tensorflow

import_tensorflow()
import tensorflow as tf

from bnstudy.manual import amsgrad, sgd

gradients = random.normal(size=(20, 3))


def final_weights(rule, factor):
    """Return three weights after twenty steps with gradients that are `factor` times as large."""
    w = tf.zeros(3, tf.float64)
    state = rule.init(w)
    for g in gradients:
        w, state = rule.update(w, tf.constant(factor * g), state, 0.01)
    return w.numpy().round(4)


for name, rule in (("AMSGrad", amsgrad), ("SGD", sgd)):
    print(f"{name:<8} right {final_weights(rule, 1)}  times 3,200 {final_weights(rule, 3200)}")

# %% [markdown]
# AMSGrad does not notice at all; for SGD it is a learning rate of 3,200 times the intended one.
#
# Mistake 2 is of another kind. It doubles what passes on the positive side of each ELU and leaves
# the negative side alone, so it changes the *direction* of the gradient, and no optimizer hides
# that. It is wrong by a factor of at most 2 at each ELU, and a step in a somewhat wrong direction
# still goes downhill more often than not.
#
# ## Train with both
#
# *Write down your guess for each of the four runs: does it learn?*

# %%
EPOCHS = 3
LIMIT = None  # training images; None is all 1,437
RATES = {"amsgrad": 1e-3, "sgd": 0.05}  # one that suits each optimizer

folders = {}
for optimizer, rate in RATES.items():
    for gradients_by_hand in ("manual", "as_posted"):
        config = bnstudy.load_config(
            case="c",
            presets=["quick"],
            overrides={
                "training.epochs": EPOCHS,
                "data.train_limit": LIMIT,
                "training.gradients": gradients_by_hand,
                "training.on_divergence": "record",  # a cost that is not finite is no error here
                "optimizer.name": optimizer,
                "optimizer.learning_rate": rate,
            },
        )
        name = f"{optimizer}, {gradients_by_hand}"
        folders[name] = f"logs/{optimizer}-{gradients_by_hand}"
        print(name)
        bnstudy.run(config, folders[name])

# %%
plt.figure(figsize=(6, 3))
for name, folder in folders.items():
    log = bnstudy.load_log(folder)
    accuracies = log.metrics["train_accuracy"]
    end = log.result.get("diverged_at_step")
    print(
        f"{name:<20} training accuracy {accuracies.round(3)}", f"diverged at step {end}" * bool(end)
    )
    plt.plot(log.metrics["epoch"], accuracies, "o-", label=name)
plt.axhline(0.1, color="black", linewidth=0.8, linestyle=":", label="guessing")
plt.xticks(range(1, EPOCHS + 1))
plt.xlabel("epoch")
plt.ylabel("training accuracy")
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# With AMSGrad, the wrong gradients learn about as well as the right ones; in one run with one seed,
# the difference between them proves nothing. With plain SGD they are useless at once: the weights
# explode. So a network that learns is **no** evidence that its gradients are right. Only a check
# is.

# %% [markdown]
# ## What else was different
#
# Wrong derivatives are errors. Other differences are choices, and some of them matter more. The
# preset `as_posted` collects all that is known of the author's code. Here is what it changes in
# case c:

# %%
ours, posted = (bnstudy.load_config(case="c", presets=p).flat() for p in ([], ["as_posted"]))
print(f"{'key':<26} {'here':<16} as posted")
for key, value in ours.items():
    if posted[key] != value:
        print(f"{key:<26} {value!s:<16} {posted[key]}")

# %% [markdown]
# Go through the list, and say for each whether it is an error, a matter of taste, or something that
# changes what the experiment can show. For example:
#
# - `bn.axes: activation`: one mean and one variance for each pixel, from 50 images, in place of one
#   for each channel. Noisier, but a legitimate batch norm.
# - `bn.moving_variance_init: 0.0`: lesson 3 shows what a start does to the first epochs.
# - `data.standardize: batch_pixels`: each image is standardized by the batch that it happens to be
#   in, at test time by the whole test set. A test image is then judged with the help of the others.
# - `optimizer.variant: as_posted`: lesson 4.
#
# `docs/protocol.md` has a row for each decision: what the post says, what the code does, what is
# done here, and why.
#
# ## What next?
#
# - The post compares case b with case c. Given this list, what does their difference show?
# - Repair one of the three derivatives at a time. (`src/bnstudy/manual/as_posted.py` has them, in
#   40 lines.) Which one matters most to AMSGrad?
# - Write a layer of your own with its gradient, and check it: `bnstudy check FILE.py`.
