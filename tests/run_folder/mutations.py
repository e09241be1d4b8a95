"""Mistakes in run folders that a test must notice."""

FOLDER = "tests/run_folder/test_folder.py"
LOG = "tests/run_folder/test_log.py"
PROVENANCE = "tests/run_folder/test_provenance.py"
CHECKPOINT = "tests/run_folder/test_checkpoint.py"
FILES = "tests/run_folder/test_files.py"
ENVIRONMENT = "tests/run_folder/test_environment.py"

MUTATIONS = [
    (
        "write files in place",
        "run_folder/files.py",
        'temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")',
        "temporary = path",
        f"{FILES}::test_a_real_write_that_fails_leaves_the_old_file",
    ),
    (
        "give a file its name before its content is on the disk",
        "run_folder/files.py",
        "            os.fsync(file.fileno())\n",
        "",
        f"{FILES}::test_the_content_is_safe_on_disk_before_the_name_is",
    ),
    (
        "take what Finder leaves for a user's file",
        "run_folder/files.py",
        "return name in _CLUTTER or",
        "return",
        f"{FILES}::test_files_of_other_programs_are_clutter",
    ),
    (
        "take any hidden file for clutter",
        "run_folder/files.py",
        '_CLUTTER_STARTS = ("._",',
        '_CLUTTER_STARTS = (".",',
        f"{FILES}::test_a_users_own_file_is_not_clutter",
    ),
    (
        "let two processes write to a folder",
        "run_folder/folder.py",
        "        lock.acquire()\n",
        "        pass\n",
        f"{FOLDER}::test_a_second_writer_is_told_who_holds_the_folder",
    ),
    (
        "leave the note of who holds the folder",
        "run_folder/folder.py",
        "        note.unlink(missing_ok=True)\n",
        "",
        f"{FOLDER}::test_a_new_folder_gets_its_configuration_and_an_empty_log",
    ),
    (
        "start over in a folder of something else",
        "run_folder/folder.py",
        'if "config.yaml" not in names and',
        "if not names and",
        f"{FOLDER}::test_a_folder_with_other_files_is_left_alone",
    ),
    (
        "delete the old folder's name instead of finding a free one",
        "run_folder/folder.py",
        "    number = 1\n",
        "    number = 2\n",
        "tests/runner/test_run.py::test_fresh_keeps_the_old_folder_aside",
    ),
    (
        "write config.yaml before metrics.csv",
        "run_folder/folder.py",
        "        log.write_metrics(folder, [])\n",
        '        files.write_text_atomic(folder / "config.yaml", config.to_yaml())\n'
        "        log.write_metrics(folder, [])\n",
        f"{FOLDER}::test_a_process_killed_while_it_makes_a_folder_leaves_one_that_can_be_used",
    ),
    (
        "continue a run of another configuration",
        "run_folder/folder.py",
        "    if different:\n",
        "    if False:\n",
        f"{FOLDER}::test_another_configuration_is_refused_and_the_keys_are_named",
    ),
    (
        "record an immediate stop as a failure",
        "run_folder/provenance.py",
        "except (Interrupted, KeyboardInterrupt):",
        "except Interrupted:",
        f"{PROVENANCE}::test_every_end_is_recorded",
    ),
    (
        "record every end as the right one",
        "run_folder/provenance.py",
        'outcome = "failed"',
        'outcome = "finished"',
        f"{PROVENANCE}::test_every_end_is_recorded",
    ),
    (
        "forget the earlier starts",
        "run_folder/provenance.py",
        "    entries = _earlier(path)\n",
        "    entries = []\n",
        f"{PROVENANCE}::test_a_start_that_never_ended_was_killed_and_the_others_stay",
    ),
    (
        "believe that a killed process still runs",
        "run_folder/provenance.py",
        'earlier["outcome"] = "killed"',
        "pass",
        f"{PROVENANCE}::test_a_start_that_never_ended_was_killed_and_the_others_stay",
    ),
    (
        "publish the path of the program",
        "run_folder/environment.py",
        '"bnstudy" if ours else program.name',
        '"bnstudy" if ours else str(program)',
        f"{ENVIRONMENT}::test_the_command_keeps_the_name_of_the_program_and_not_its_path",
    ),
    (
        "call a checkout clean that has a new file",
        "run_folder/environment.py",
        '"status", "--short", "--", "."',
        '"status", "--short", "-uno", "--", "."',
        f"{ENVIRONMENT}::test_git_names_the_commit_and_changes_of_the_package",
    ),
    (
        "say that TF32 is off",
        "run_folder/environment.py",
        "bool(gpus) and _allows_tensor_float_32(tensorflow)",
        "False",
        f"{ENVIRONMENT}::test_environment_asks_tensorflow_only_if_it_is_there",
    ),
    (
        "forget the variable that switches XLA off",
        "run_folder/environment.py",
        '    "BNSTUDY_XLA",\n',
        "",
        f"{ENVIRONMENT}::test_environment_says_where_and_how",
    ),
    (
        "report the best epoch",
        "run_folder/log.py",
        "    last = rows[-1]\n",
        "    last = max(rows, key=lambda row: row.test_accuracy)\n",
        f"{LOG}::test_the_result_is_the_last_epoch_and_never_the_best",
    ),
    (
        "round the metrics to six digits",
        "run_folder/log.py",
        "repr(float(value))",
        'f"{value:.6g}"',
        f"{LOG}::test_metrics_survive_the_round_trip_bit_for_bit",
    ),
    (
        "accept accuracies in percent",
        "run_folder/log.py",
        "not 0 <= value <= 1",
        "not 0 <= value <= 100",
        f"{LOG}::test_damaged_metrics_name_file_line_and_what_is_right",
    ),
    (
        "accept a log with a missing epoch",
        "run_folder/log.py",
        "    if row.epoch != epoch:\n",
        "    if False:\n",
        f"{LOG}::test_damaged_metrics_name_file_line_and_what_is_right",
    ),
    (
        "keep one checkpoint only",
        "run_folder/checkpoint.py",
        "MAX_TO_KEEP = 2",
        "MAX_TO_KEEP = 1",
        f"{CHECKPOINT}::test_the_last_two_are_kept_by_number_not_by_name",
    ),
    (
        "sort checkpoints by name alone",
        "run_folder/checkpoint.py",
        "key=lambda p: (len(p.name), p.name)",
        "key=lambda p: p.name",
        f"{CHECKPOINT}::test_the_last_two_are_kept_by_number_not_by_name",
    ),
    (
        "leave the shapes out of the checksum",
        "run_folder/checkpoint.py",
        "{name} {array.dtype.str} {array.shape}",
        "{name} {array.dtype.str}",
        f"{CHECKPOINT}::test_the_checksum_is_of_names_kinds_shapes_and_values",
    ),
    (
        "trust a checkpoint without its checksum",
        "run_folder/checkpoint.py",
        'if content.pop("sha256").tobytes() != _checksum(content):',
        'if content.pop("sha256") is None:',
        f"{CHECKPOINT}::test_the_checksum_is_of_names_kinds_shapes_and_values",
    ),
]
