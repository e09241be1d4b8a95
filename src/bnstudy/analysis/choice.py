"""Which statistics batch norm normalizes with when a trained network is evaluated."""

from typing import NamedTuple

from bnstudy.config.schema import Config
from bnstudy.errors import UserError

MOVING, PRECISE, BATCH, SOURCE = KINDS = ("moving", "precise", "batch", "source")


class Statistics(NamedTuple):
    """The statistics that a network is evaluated with.

    Attributes:
        kind: "moving": the moving averages, as always; of a network without batch norm, nothing.
            "precise": mean and variance over training images, once the weights are final.
            "batch": those of the test batch. "source": for a network without batch norm, whose
            convolutions' outputs are given the mean and variance that they had in training.
        batch_size: images of a test batch; "moving" and "precise" do not depend on it.

    """

    kind: str = MOVING
    batch_size: int = 1000

    def check(self, config: Config) -> None:
        """Refuse what a network cannot be evaluated with.

        Args:
            config: of its run.

        Raises:
            UserError: the kind is unknown or the network is not of its kind, or the batch is too
                small.

        """
        if self.kind not in KINDS:
            raise UserError(f"statistics is {self.kind!r}, must be one of {', '.join(KINDS)}")
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise UserError(f"the batch size is {self.batch_size!r}, must be an integer >= 1")
        normalized = config.model.batch_norm != "none"
        if normalized and self.kind == SOURCE:
            raise UserError(
                "source statistics are for a network without batch norm, and this one has it "
                f"(model.batch_norm: {config.model.batch_norm}); take batch statistics"
            )
        if not normalized and self.kind in (PRECISE, BATCH):
            raise UserError(
                f"this network has no batch norm (model.batch_norm: none), so {self.kind} "
                "statistics mean nothing; take moving, the network as it is, or source"
            )
        if self.kind == BATCH:
            self.check_batch(config, self.batch_size)

    def check_batch(self, config: Config, images: int) -> None:
        """Refuse a batch of one image where statistics are taken over images alone."""
        if images == 1 and config.bn.axes == "activation":
            raise UserError(
                "a batch of one image has no variance where statistics are taken over images alone "
                "(bn.axes: activation); choose another batch size"
            )

    def __str__(self) -> str:
        """Name them."""
        if self.kind in (MOVING, PRECISE):
            return f"{self.kind} statistics"
        return f"{self.kind} statistics of {self.batch_size:,} images"
