"""Which task runs where, with which arguments, ports, GPUs and variables."""

import json

import pytest

from batchai_operator.errors import InvalidSpecError
from batchai_operator.model.toolkits import CustomToolkitSettings, TensorFlowSettings
from batchai_operator.planner.toolkits import custom, tensorflow
from batchai_operator.planner.toolkits.tasks import Shape


def arrange(nodes=1, gpus=0, **settings):
    settings = {"python_script_file_path": "$X/a.py", **settings}
    return tensorflow.arrange(TensorFlowSettings(**settings), Shape(nodes, gpus))


def names_of(arrangement):
    return [[task.name for task in node] for node in arrangement.tasks]


def variable(task_or_arrangement, name):
    found = [v.value for v in task_or_arrangement.environment if v.name == name]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("nodes", "settings", "expected"),
    [
        (1, {}, [["wk-0"]]),
        (2, {}, [["ps-0", "wk-0"], ["wk-1"]]),
        (3, {}, [["ps-0", "wk-0"], ["wk-1"], ["wk-2"]]),
        (3, {"parameter_server_count": 2}, [["ps-0", "wk-0"], ["ps-1", "wk-1"], ["wk-2"]]),
        (2, {"worker_count": 4}, [["ps-0", "wk-0", "wk-2"], ["wk-1", "wk-3"]]),
        (1, {"worker_count": 2}, [["ps-0", "wk-0", "wk-1"]]),
        (3, {"worker_count": 1}, [["ps-0", "wk-0"], [], []]),
        (2, {"parameter_server_count": 0}, [["wk-0"], ["wk-1"]]),
    ],
)
def test_placement(nodes, settings, expected):
    assert names_of(arrange(nodes, **settings)) == expected


def test_the_observed_addresses():
    """Spec 3.4: three nodes, one parameter server, three workers."""
    arrangement = arrange(3)
    assert variable(arrangement, "AZ_BATCHAI_PS_HOSTS") == "{{node 0}}:2222"
    assert variable(arrangement, "AZ_BATCHAI_WORKER_HOSTS") == (
        "{{node 0}}:2223,{{node 1}}:2222,{{node 2}}:2222"
    )


def test_tf_config_has_the_observed_form():
    server, worker = arrange(3).tasks[0]
    text = variable(server, "TF_CONFIG")
    assert list(json.loads(text)) == ["cluster", "task", "environment"]
    assert json.loads(text) == {
        "cluster": {
            "ps": ["{{node 0}}:2222"],
            "worker": ["{{node 0}}:2223", "{{node 1}}:2222", "{{node 2}}:2222"],
        },
        "task": {"type": "ps", "index": 0},
        "environment": "cloud",
    }
    assert json.loads(variable(worker, "TF_CONFIG"))["task"] == {"type": "worker", "index": 0}


def test_one_node_has_no_parameter_servers():
    arrangement = arrange(1)
    assert variable(arrangement, "AZ_BATCHAI_PS_HOSTS") == ""
    assert variable(arrangement, "AZ_BATCHAI_WORKER_HOSTS") == "{{node 0}}:2222"


def test_no_two_tasks_share_an_address():
    arrangement = arrange(2, worker_count=8, parameter_server_count=2)
    hosts = ",".join(
        variable(arrangement, f"AZ_BATCHAI_{role}_HOSTS") for role in ("PS", "WORKER")
    ).split(",")
    assert len(hosts) == len(set(hosts)) == 10


def test_arguments_by_role():
    arrangement = arrange(
        2,
        python_interpreter_path="/opt/python",
        master_command_line_args="--m $A",
        worker_command_line_args="--w",
        parameter_server_command_line_args="--p",
    )
    lines = {task.name: task.command_line for node in arrangement.tasks for task in node}
    assert lines == {
        "ps-0": "/opt/python $X/a.py --p",
        "wk-0": "/opt/python $X/a.py --m $A",
        "wk-1": "/opt/python $X/a.py --w",
    }
    assert arrange(1).tasks[0][0].command_line == "python $X/a.py"


def test_workers_decide_and_parameter_servers_do_not():
    decisive = {task.name: task.is_decisive for node in arrange(2).tasks for task in node}
    assert decisive == {"ps-0": False, "wk-0": True, "wk-1": True}


@pytest.mark.parametrize(
    ("nodes", "gpus", "workers", "expected"),
    [
        (1, 1, 1, {"wk-0": None}),
        (2, 4, 2, {"wk-0": None, "wk-1": None, "ps-0": ""}),
        (1, 2, 2, {"wk-0": "0", "wk-1": "1", "ps-0": ""}),
        (2, 2, 3, {"wk-0": "0", "wk-1": None, "wk-2": "1", "ps-0": ""}),
        (1, 0, 2, {"wk-0": None, "wk-1": None, "ps-0": ""}),
    ],
)
def test_gpus_that_a_task_sees(nodes, gpus, workers, expected):
    tasks = [task for node in arrange(nodes, gpus, worker_count=workers).tasks for task in node]
    assert {task.name: variable(task, "CUDA_VISIBLE_DEVICES") for task in tasks} == expected


def test_more_workers_than_gpus():
    with pytest.raises(
        InvalidSpecError, match="workerCount 3 is more than nodeCount 1 times the 2"
    ):
        arrange(1, gpus=2, worker_count=3)
    assert arrange(1, gpus=0, worker_count=4).tasks


def test_slots_of_the_host_file():
    assert arrange(2, gpus=2, worker_count=3).slots == (2, 1)
    assert arrange(3, worker_count=1).slots == (1, 1, 1)
    settings = CustomToolkitSettings(command_line="x")
    assert custom.arrange(settings, Shape(2, 4)).slots == (4, 4)
    assert custom.arrange(settings, Shape(2, 0)).slots == (1, 1)


def test_custom_runs_on_the_first_node_only():
    arrangement = custom.arrange(CustomToolkitSettings(command_line="a | b"), Shape(3, 0))
    (task,) = arrangement.tasks[0]
    assert (task.command_line, task.suffix, task.is_decisive) == ("a | b", "", True)
    assert arrangement.tasks[1:] == ((), ())
