"""A run in a notebook: progress is lines, and an interrupt saves and can be continued."""

import textwrap

EPOCHS = 30
RUN = textwrap.dedent(f"""
    import bnstudy

    small = {{"training.epochs": {EPOCHS}, "data.train_limit": 64, "data.test_limit": 10}}
    config = bnstudy.load_config(case="a", presets=["quick"], overrides=small)
    result = bnstudy.run(config, "logs/interrupted")
    print("finished", bnstudy.load_log("logs/interrupted").metrics["epoch"].tolist())
""")


def execute(client, code, at_output=lambda text: None):
    """Run code; return what it printed, and the kind and text of its error, if any."""
    printed = []

    def hook(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
            at_output(printed[-1])

    reply = client.execute_interactive(code, timeout=120, output_hook=hook)["content"]
    return "".join(printed), (reply.get("ename"), reply.get("evalue"))


def test_an_interrupted_cell_saves_and_continues_when_it_is_run_again(kernel):
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    interrupts = []

    def interrupt_once(text):
        if "epoch 1/" in text and not interrupts:
            interrupts.append(kernel.interrupt_kernel())

    printed, (kind, message) = execute(client, RUN, interrupt_once)
    assert kind == "Interrupted", printed
    assert "saved at step" in message
    assert "finished" not in printed

    assert 1 <= printed.count("epoch ") < EPOCHS
    printed, error = execute(client, RUN)  # the same cell again
    client.stop_channels()
    assert error == (None, None)
    assert f"finished {list(range(1, EPOCHS + 1))}" in printed
    assert "epoch 1/" not in printed
