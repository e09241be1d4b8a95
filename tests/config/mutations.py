"""Mistakes in the configuration that a test must notice."""

LOAD = "tests/config/test_load.py::"
SCHEMA = "tests/config/test_schema.py::"

MUTATIONS = [
    (
        "let the case win over the presets",
        "config/load.py",
        "return _resolve(sorted(overlays, key=_rank), case)",
        "return _resolve(overlays, case)",
        LOAD + "test_as_posted_makes_case_c_the_authors",
    ),
    (
        "let a file win over the overrides",
        "config/load.py",
        "            if only_case in (None, case):\n                values |= said\n",
        "            if only_case in (None, case):\n                values = said | values\n",
        LOAD + "test_precedence",
    ),
    (
        "let the extended file win over the one that extends it",
        "config/load.py",
        "overlays.insert(0, _Overlay(source",
        "overlays.append(_Overlay(source",
        LOAD + "test_extends_is_relative_to_its_own_file",
    ),
    (
        "apply the settings of one case to all cases",
        "config/load.py",
        "            if only_case in (None, case):",
        "            if True:",
        LOAD + "test_the_settings_of_a_case_apply_to_that_case_alone",
    ),
    (
        "take two cases without a word",
        "config/load.py",
        "if value != stated[0][1]:",
        "if False:",
        LOAD + "test_two_cases_are_refused",
    ),
    (
        "prefer a shipped file to one nearby",
        "config/load.py",
        "for folder in (path.parent, root):",
        "for folder in (root, path.parent):",
        LOAD + "test_files_nearby_come_before_shipped_ones",
    ),
    (
        "count where the images are as a difference",
        "config/schema.py",
        'return key != "data.dir" and not key.startswith("checkpoint.")',
        'return not key.startswith("checkpoint.")',
        LOAD + "test_differences_leave_out_where_the_images_are",
    ),
    (
        "allow a batch of one with batch norm per activation",
        "config/schema.py",
        'if self.model.batch_norm != "none" and self.bn.axes == "activation":',
        'if self.model.batch_norm == "custom" and self.bn.axes == "activation":',
        SCHEMA + "test_a_batch_of_one_is_refused_where_it_has_no_variance",
    ),
    (
        "allow half an image in a batch",
        "config/schema.py",
        "if self.data.augment and self.training.batch_size % 2:",
        "if False:",
        SCHEMA + "test_odd_batches_need_augmentation_off",
    ),
    (
        "allow a variant that the optimizer does not have",
        "config/schema.py",
        "if self.optimizer.variant not in variants:",
        "if False:",
        SCHEMA + "test_variants_belong_to_their_optimizer",
    ),
    (
        "allow a momentum of 1, with which nothing moves",
        "config/schema.py",
        "    momentum: float = Field(ge=0, le=0.999999)",
        "    momentum: float = Field(ge=0, le=1)",
        SCHEMA + "test_values",
    ),
    (
        "say nothing of the second problem",
        "config/load.py",
        "more = len(problems) - 1",
        "more = 0",
        "tests/config/test_messages.py::test_several_problems_are_counted",
    ),
    (
        "read yes as true, as YAML 1.1 does",
        "config/yaml_reader.py",
        'r"(true|True|TRUE|false|False|FALSE)\\Z"',
        'r"(yes|true|True|TRUE|false|False|FALSE)\\Z"',
        "tests/config/test_yaml_reader.py::test_parse_set_reads_yaml_1_2",
    ),
    (
        "let the second of two equal keys win",
        "config/yaml_reader.py",
        "if key.value in result:",
        "if False:",
        "tests/config/test_yaml_reader.py::test_bad_files",
    ),
    (
        "forget a variant of the mathematics",
        "config/registry.py",
        '("paper", "keras", "optax", "as_posted")',
        '("paper", "keras", "as_posted")',
        "tests/config/test_registry.py::test_the_variants_are_those_of_the_mathematics",
    ),
    (
        "end a description after its first line",
        "config/schema.py",
        "words[key] += f\"\\n{match['words']}\"",
        "pass",
        SCHEMA + "test_a_comment_of_several_lines_is_read_to_its_end",
    ),
]
