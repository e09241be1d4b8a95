"""Mistakes in `backend/` that a test must notice."""

TF_CONFIG = "tests/backend/test_tf_config.py"
MEETING = "tests/backend/test_cluster.py"

MUTATIONS = [
    (
        "take a text for a list of workers",
        "backend/tf_config.py",
        "if not isinstance(workers, list) or not workers:",
        "if not workers:",
        f"{TF_CONFIG}::test_a_value_that_cannot_be_is_refused_by_name",
    ),
    (
        "take an index that is not a whole number",
        "backend/tf_config.py",
        'index = str(task["index"])',
        'index = str(int(task["index"]))',
        f"{TF_CONFIG}::test_a_value_that_cannot_be_is_refused_by_name",
    ),
    (
        "let two workers have one address",
        "backend/tf_config.py",
        "if len(set(workers)) < len(workers):",
        "if len(set(workers)) > len(workers):",
        f"{TF_CONFIG}::test_a_value_that_cannot_be_is_refused_by_name",
    ),
    (
        "be deaf to Ctrl-C while the others do not come",
        "backend/cluster.py",
        "signal.signal(signal.SIGINT, signal.SIG_DFL)",
        "signal.getsignal(signal.SIGINT)",
        f"{MEETING}::test_while_it_waits_for_the_others_ctrl_c_ends_the_process_and_afterwards_as_before",
    ),
    (
        "show a traceback where a port is taken",
        "backend/cluster.py",
        "except tf.errors.OpError as error:",
        "except ConnectionError as error:",
        f"{MEETING}::test_workers_that_cannot_meet_are_told_why_in_one_line",
    ),
    (
        "give a copy to another replica than its original",
        "backend/devices.py",
        "halves = tf.split(batch, copies) if copies > 1 else [batch]",
        "halves = [batch]",
        "tests/backend/test_devices.py::test_every_image_is_in_one_part_and_its_copy_in_the_same",
    ),
    (
        "take every GPU whatever the number",
        "backend/devices.py",
        "    return names[:count]",
        "    return names",
        "tests/backend/test_devices.py::test_gpus_are_taken_where_there_are_any",
    ),
    (
        "compile nothing",
        "backend/xla.py",
        "jit_compile=True",
        "jit_compile=False",
        "tests/backend/test_xla.py::test_what_is_returned_twice_is_computed_and_returned_once",
    ),
    (
        "ignore the switch",
        "backend/xla.py",
        "if tf.executing_eagerly() or not enabled:",
        "if tf.executing_eagerly():",
        "tests/backend/test_xla.py::test_switched_off_it_is_a_plain_call_in_a_graph_too",
    ),
    (
        "convolve bfloat16 numbers without rounding the result",
        "model/layers.py",
        "return tf.cast(y, x.dtype), cache._replace(x=x, w=w)",
        "return y, cache._replace(x=x, w=w)",
        "tests/backend/test_bfloat16.py::test_without_instructions_a_convolution_is_the_rounded_exact_one",
    ),
    (
        "take a CPU without bfloat16 for one that has it",
        "backend/cpu.py",
        "return not {",
        "return bool(flags) or not {",
        "tests/backend/test_cpu.py::test_the_flags_decide_whether_it_has_bfloat16",
    ),
    (
        "allow TF32 unless it is switched off",
        "backend/devices.py",
        'os.environ.get("BNSTUDY_TF32") == "1"',
        'os.environ.get("BNSTUDY_TF32") != "0"',
        "tests/backend/test_devices.py::test_on_a_gpu_kernels_are_deterministic_and_tf32_is_off_unless_asked_for",
    ),
]
