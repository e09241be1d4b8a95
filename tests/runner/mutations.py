"""Mistakes in runs, sweeps and stopping that a test must notice."""

RUN = "tests/runner/test_run.py"
TRAINING = "tests/runner/test_training.py"
EXTENSION = "tests/runner/test_extension.py"
PROGRESS = "tests/runner/test_progress.py"
RESTORED = (
    f"{TRAINING}::test_a_restored_training_goes_on_as_the_one_that_was_saved[a bfloat16 manual]"
)
RESTORED_KERAS = RESTORED.replace("a bfloat16 manual", "b float32 autodiff")
MEANS = f"{TRAINING}::test_training_metrics_are_means_over_images_not_over_batches"
CONFIGURED = f"{TRAINING}::test_a_run_trains_as_its_configuration_says"

MUTATIONS = [
    (
        "leave the optimizer's state out of the checkpoint",
        "runner/training.py",
        "**self.model.statistics, **self.optimizer.state}",
        "**self.model.statistics}",
        RESTORED,
    ),
    (
        "leave the moving statistics out of the checkpoint",
        "runner/training.py",
        "**self.model.statistics, **self.optimizer.state}",
        "**self.optimizer.state}",
        RESTORED_KERAS,
    ),
    (
        "restore the moments only",
        "runner/training.py",
        "variable.assign(arrays[name])",
        "self.optimizer.state.get(name, tf.Variable(variable)).assign(arrays[name])",
        RESTORED,
    ),
    (
        "begin the epoch again when a run continues",
        "runner/training.py",
        "self.batches.epoch(state.epoch, state.step)",
        "self.batches.epoch(state.epoch)",
        RESTORED,
    ),
    (
        "forget the sums of the epoch when a run continues",
        "runner/training.py",
        "self._sums, synced = make_sums(state.cost_sum, state.correct), before",
        "self._sums, synced = make_sums(), before",
        RESTORED_KERAS,
    ),
    (
        "save the sums as they were when they were last shown",
        "runner/training.py",
        "        if self.state.step:\n            self._sync_sums()",
        "        pass",
        RESTORED_KERAS,
    ),
    (
        "keep the weights in another precision",
        "runner/training.py",
        "Model(config, tf.float32, PRECISIONS[config.training.precision])",
        "Model(config, tf.float64, PRECISIONS[config.training.precision])",
        f"{CONFIGURED}[bfloat16-c]",
    ),
    (
        "compute in float32 whatever the precision",
        "runner/training.py",
        "Model(config, tf.float32, PRECISIONS[config.training.precision])",
        "Model(config, tf.float32, tf.float32)",
        f"{CONFIGURED}[bfloat16-a]",
    ),
    (
        "count the steps of an epoch, not of the run",
        "runner/training.py",
        "return self.state.epoch * self.batches.steps + self.state.step",
        "return self.state.step",
        f"{CONFIGURED}[float32-a]",
    ),
    (
        "let the learning rate decay an epoch too early",
        "runner/training.py",
        "return learning_rate(self.config.optimizer, self.state.epoch)",
        "return learning_rate(self.config.optimizer, self.state.epoch + 1)",
        f"{CONFIGURED}[float32-a]",
    ),
    (
        "never let the learning rate decay",
        "runner/optimizers.py",
        "(1 + config.decay * epoch)",
        "(1 + config.decay * 0)",
        f"{CONFIGURED}[float32-a]",
    ),
    (
        "average the training cost over unequal batches",
        "runner/steps.py",
        "count = tf.cast(tf.shape(labels)[0], tf.float64)",
        "count = tf.constant(106 / 6, tf.float64)",
        MEANS,
    ),
    (
        "divide the training cost by the images without their copies",
        "runner/training.py",
        "train_cost=state.cost_sum / state.images,",
        "train_cost=state.cost_sum / (state.images / 2),",
        MEANS,
    ),
    (
        "leave the standardization out of the checkpoint",
        "runner/training.py",
        'arrays[f"standardization/{name}"] = array',
        "pass",
        f"{RUN}::test_a_checkpoint_says_how_test_images_are_standardized",
    ),
    (
        "save the training batches' standardization for the test images",
        "runner/training.py",
        "self.standardization = standardize.test",
        'self.standardization = standardizers(dataset, "train_channels").test',
        f"{RUN}::test_a_checkpoint_says_how_test_images_are_standardized[batch_pixels]",
    ),
    (
        "take a checkpoint of other images",
        "runner/training.py",
        '"images": digest.hexdigest()}',
        '"images": ""}',
        f"{TRAINING}::test_other_images_under_the_same_name_are_refused",
    ),
    (
        "take a checkpoint of another configuration",
        "runner/training.py",
        "made_by is not None and made_by != self._made_by",
        "False",
        f"{TRAINING}::test_a_checkpoint_under_an_edited_configuration_is_refused",
    ),
    (
        "save a weight that is not finite",
        "runner/training.py",
        "if not np.isfinite(array).all():",
        "if False:",
        f"{TRAINING}::test_a_weight_that_is_not_finite_is_not_saved",
    ),
    (
        "never look whether to stop between two steps",
        "runner/loop.py",
        "    def after_step() -> None:\n        stop_if_asked()\n",
        "    def after_step() -> None:\n",
        f"{RUN}::test_a_signal_saves_and_stops_and_the_run_continues",
    ),
    (
        "stop without saving",
        "runner/loop.py",
        "            save()\n            raise Interrupted(",
        "            raise Interrupted(",
        f"{RUN}::test_a_signal_saves_and_stops_and_the_run_continues",
    ),
    (
        "write result.json before the run has ended",
        "runner/loop.py",
        "        plot_run(folder)\n",
        "        result = log.result_from(training.state.rows, config, 0)\n"
        '        files.write_json(folder / "result.json", result)\n'
        "        plot_run(folder)\n",
        f"{RUN}::test_a_full_disk_is_one_line_and_nothing_written_is_harmed[test.png]",
    ),
    (
        "extend what has no checkpoints, from the start",
        "run_folder/folder.py",
        'if (folder / "result.json").exists() and not checkpoint.newest(',
        "if False and not checkpoint.newest(",
        f"{EXTENSION}::test_a_finished_run_without_checkpoints_is_refused_and_stays_finished",
    ),
    (
        "accept fewer epochs",
        "run_folder/folder.py",
        "more_epochs = made_by.training.epochs < config.training.epochs",
        "more_epochs = True",
        f"{EXTENSION}::test_fewer_epochs_are_refused",
    ),
    (
        "write the new configuration before the old result is gone",
        "run_folder/folder.py",
        '    (folder / "result.json").unlink(missing_ok=True)\n',
        '    files.write_text_atomic(folder / "config.yaml", config.to_yaml())\n'
        '    (folder / "result.json").unlink(missing_ok=True)\n',
        f"{EXTENSION}::test_a_finished_run_is_extended_bit_for_bit",
    ),
    (
        "extend a run before its checkpoint is read",
        "runner/loop.py",
        '    training.restore(folder / "checkpoints")\n    extend(folder, config)\n',
        '    extend(folder, config)\n    training.restore(folder / "checkpoints")\n',
        f"{EXTENSION}::test_a_refused_extension_leaves_the_finished_run_as_it_was",
    ),
    (
        "believe the configuration that a run has finished",
        "run_folder/folder.py",
        "return run.result if epochs == config.training.epochs else None",
        "return run.result",
        f"{EXTENSION}::test_epochs_that_were_edited_in_the_folder_do_not_make_a_short_run_finished",
    ),
    (
        "count the images of an earlier process in the speed",
        "runner/progress.py",
        "return (self._seen - self._started_with) / elapsed",
        "return self._seen / elapsed",
        f"{PROGRESS}::test_without_a_terminal_there_is_a_line_a_minute",
    ),
    (
        "forget the later epochs in the time left",
        "runner/progress.py",
        "+ (self._epochs - self._epoch) * self._images",
        "",
        f"{PROGRESS}::test_without_a_terminal_there_is_a_line_a_minute",
    ),
    (
        "print a line at every step",
        "runner/progress.py",
        "> LINE_EVERY",
        "> 0",
        f"{PROGRESS}::test_without_a_terminal_there_is_a_line_a_minute",
    ),
    (
        "ignore the second stop",
        "interrupts.py",
        "        if not first:\n",
        "        if False:\n",
        "tests/test_interrupts.py::test_the_first_signal_is_a_request_and_the_second_interrupts",
    ),
    (
        "take one stop, sent to the process and to its group, for two",
        "interrupts.py",
        "now - self._time < ONE_REQUEST",
        "now - self._time < 0",
        "tests/test_interrupts.py::test_a_signal_to_the_process_and_to_its_group_is_one_request",
    ),
    (
        "keep the handlers",
        "interrupts.py",
        "            signal.signal(number, handler)",
        "            pass",
        "tests/test_interrupts.py::test_the_old_handlers_come_back_however_it_ends[KeyboardInterrupt]",
    ),
    (
        "start TensorFlow after a fork",
        "backend/startup.py",
        '_forked_with_tensorflow = "tensorflow" in sys.modules',
        "_forked_with_tensorflow = False",
        "tests/backend/test_startup.py::test_after_a_fork_of_tensorflow_a_run_is_refused_in_one_line",
    ),
    (
        "forget the seed of a plan's run",
        "sweep.py",
        'for change in changes for part in ("--set", change)',
        'for change in changes if "seed" not in change for part in ("--set", change)',
        "tests/test_sweep.py::test_the_arguments_of_a_run_make_its_configuration",
    ),
    (
        "pair the values of a grid instead of combining them",
        "sweep.py",
        "itertools.product(*grid.values())",
        "zip(*grid.values())",
        "tests/test_sweep.py::test_a_grid_is_every_combination_and_runs_come_after",
    ),
    (
        "let two runs share a folder",
        "sweep.py",
        "if folders.count(folder) > 1",
        "if folders.count(folder) > 2",
        "tests/test_sweep.py::test_a_wrong_plan_is_one_line_and_nothing_is_run",
    ),
    (
        "keep the weights of fewer epochs",
        "run_folder/folder.py",
        "        (folder / name).unlink(missing_ok=True)\n",
        "        pass\n",
        "tests/run_folder/test_folder.py::test_an_extension_leaves_nothing_that_was_made_of_fewer_epochs",
    ),
    (
        "publish the optimizer's state with the weights",
        "runner/training.py",
        "if name not in self.optimizer.state",
        "if name",
        f"{RUN}::test_the_weights_are_those_of_the_last_checkpoint_without_the_optimizers_state",
    ),
]
