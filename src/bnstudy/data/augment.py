"""Augmentation: flip, translate, rotate and scale, as a function of (seed, step)."""

import math

import tensorflow as tf

PROBABILITY = 0.1  # of each: translation, rotation, scaling
TRANSLATION = 0.2  # at most, as a fraction of the side, in each direction
ROTATION = math.radians(25)  # at most, either way
SCALE = (0.8, 1.2)  # drawn for each direction


def augment(images: tf.Tensor, seed: int, step: int | tf.Tensor) -> tf.Tensor:
    """Flip every image left to right; translate, rotate and scale some of them at random.

    An output pixel at p (from the centre) is read, bilinearly, from the flipped input at

        diag(1/s_x, 1/s_y) R(-angle) (p - shift)

    and is black outside. Each of the three happens with probability 0.1: shift within 20 % of the
    side, angle within 25 degrees, s_x and s_y within 0.8 to 1.2.

    Args:
        images: [N, H, W, C], float32.
        seed: of the run.
        step: number of the step since the start of the run; selects the random numbers.

    Returns:
        The augmented copies, of the same shape.

    """
    flipped = tf.reverse(images, axis=[2])
    u = tf.random.stateless_uniform([tf.shape(images)[0], 8], seed=[seed, step])
    happens = u[:, :3] < PROBABILITY
    nothing = tf.zeros_like(u[:, 0])
    side = tf.cast(tf.shape(images)[2:0:-1], tf.float32)  # (W, H)
    shift = tf.where(happens[:, :1], (2 * u[:, 3:5] - 1) * TRANSLATION * side, 0.0)
    angle = tf.where(happens[:, 1], (2 * u[:, 5] - 1) * ROTATION, nothing)
    scale = tf.where(happens[:, 2:], SCALE[0] + (SCALE[1] - SCALE[0]) * u[:, 6:8], 1.0)
    return transform(flipped, shift, angle, scale)


def transform(images: tf.Tensor, shift: tf.Tensor, angle: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """Scale, rotate and shift images about their centres, bilinearly, black outside.

    Args:
        images: [N, H, W, C].
        shift: pixels to the right and down [N, 2].
        angle: radians, clockwise on the screen [N].
        scale: along the input's x and y [N, 2]; above 1 enlarges.

    Returns:
        Images of the same shape.

    """
    center = tf.cast(tf.shape(images)[2:0:-1] - 1, tf.float32) / 2
    cos, sin = tf.cos(angle), tf.sin(angle)
    # input = A (output - center - shift) + center  with  A = diag(1 / scale) R(-angle)
    a, b = cos / scale[:, 0], sin / scale[:, 0]
    d, e = -sin / scale[:, 1], cos / scale[:, 1]
    x, y = center[0] + shift[:, 0], center[1] + shift[:, 1]
    c, f = center[0] - a * x - b * y, center[1] - d * x - e * y
    zero = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, c, d, e, f, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
