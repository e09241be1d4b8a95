"""Mistakes in plans on a cluster that a test must notice."""

CLIENT = "tests/cluster/test_client.py"
ADDRESS = "tests/cluster/test_address.py"
WORKER = "tests/cluster/test_worker.py"
NEEDS = "tests/cluster/test_needs.py"

MUTATIONS = [
    (
        "connect to an address that has no port",
        "cluster/address.py",
        "if not host or not 0 < port <= 65535:",
        "if not host:",
        f"{CLIENT}::test_a_scheduler_that_is_none_is_one_line[tcp://127.0.0.1:99999-an address is like]",
    ),
    (
        "give runs to workers that are refused",
        "cluster/worker.py",
        "            return\n        await worker.set_resources",
        "        await worker.set_resources",
        f"{CLIENT}::test_a_worker_is_refused_by_name_now_and_when_it_joins",
    ),
    (
        "begin a run again for every client",
        "cluster/client.py",
        "tokenize(str(task.folder), task.arguments)",
        "tokenize(time.time(), task.arguments)",
        f"{CLIENT}::test_ctrl_c_leaves_the_runs_and_the_next_client_finds_them",
    ),
    (
        "leave runs stopped for good",
        "cluster/worker.py",
        "    _stopped.difference_update(folders)\n",
        "",
        f"{CLIENT}::test_a_second_ctrl_c_stops_the_runs_and_the_next_client_begins_them_again",
    ),
    (
        "end a run with the worker that closes",
        "cluster/worker.py",
        "        raise Reschedule",
        "        return run",
        f"{WORKER}::test_a_run_whose_worker_closes_goes_to_another",
    ),
    (
        "let a run have the threads of the machine",
        "cluster/worker.py",
        "os.environ.get(name, threads)",
        'os.environ.get(name, "0")',
        f"{WORKER}::test_a_process_has_as_many_threads_as_its_worker_unless_that_is_said",
    ),
    (
        "admit another TensorFlow",
        "cluster/needs.py",
        '("bnstudy", "tensorflow", "keras")',
        '("bnstudy", "keras")',
        f"{NEEDS}::test_another_version_is_refused[tensorflow]",
    ),
    (
        "take any storage with a folder of the same name for the shared one",
        "cluster/needs.py",
        "        if not same:",
        "        if same is None:",
        f"{NEEDS}::test_storage_that_is_not_shared_is_refused[out]",
    ),
    (
        "take data for found that are not",
        "cluster/needs.py",
        "return None if found else",
        "return None if not found else",
        f"{NEEDS}::test_data_that_are_not_there_are_refused",
    ),
    (
        "say twice why a worker is refused",
        "cluster/client.py",
        "if (address, why) not in self._refused:",
        "if address:",
        f"{CLIENT}::test_a_worker_that_says_again_why_it_is_refused_is_heard_once",
    ),
    (
        "take tls:// without certificates",
        "cluster/address.py",
        'if encrypted and configured["ssl_context"] is None:',
        'if not encrypted and configured["ssl_context"] is None:',
        f"{ADDRESS}::test_tls_without_certificates_is_refused",
    ),
]
