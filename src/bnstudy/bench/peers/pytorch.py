"""PyTorch, in eager mode."""

from bnstudy.bench.cases import WARMUP_STEPS, Times, batches_of, conv_shapes, time_call
from bnstudy.config.schema import Config
from bnstudy.model.all_cnn import ALL_CNN


class PyTorch:
    """PyTorch: eager, channels last; always the same batch, so that its data costs nothing."""

    def __init__(self, config: Config):
        import torch

        nn, precision = torch.nn, config.training.precision
        device = "cuda" if torch.cuda.is_available() else "cpu"
        stack = []
        for row, (kernel, _, inputs, outputs) in zip(
            ALL_CNN, conv_shapes(config.model.width), strict=True
        ):
            stack += [nn.Conv2d(inputs, outputs, kernel, padding="same", bias=False), nn.ELU()]
            if row.pool:
                bn = nn.BatchNorm2d(outputs, config.bn.epsilon, momentum=1 - config.bn.momentum)
                stack += [bn, nn.AvgPool2d(2)]
        model = nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        model = model.to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), config.optimizer.learning_rate)
        batches = batches_of(config)
        images, labels = next(batches.epoch(0).as_numpy_iterator())
        x = torch.tensor(images.transpose(0, 3, 1, 2))
        x = x.to(device, memory_format=torch.channels_last)
        y = torch.tensor(labels, device=device)

        def step() -> float:
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(x)
            cost = nn.functional.cross_entropy(logits.float(), y)
            cost.backward()
            optimizer.step()
            return float(cost.item())

        self.steps, self.step = batches.steps, step
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time the steps of a short epoch."""
        return {"training": [time_call(self.step) for _ in range(self.steps)][WARMUP_STEPS:]}
