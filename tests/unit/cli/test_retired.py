"""Commands of the old command line that have nothing to do: each answer leads on."""

import pytest


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("workspace create -g rg -n ws -l eastus", "batchai job list -w NAME"),
        ("experiment create -g rg -w ws -n exp", "batchai job list -e NAME"),
        ("list-usages -l eastus", "kubectl describe resourcequota"),
        ("cluster node list -c nc6 -o table", "kubectl get nodes"),
        ("job node exec -j hello", "kubectl get pods -l batchai.dev/job=JOB"),
    ],
)
def test_an_old_command_is_answered_by_what_to_do_instead(batchai, words, instead):
    done = batchai(words)
    assert done.exit_code == 2
    assert f"There is no `{done.stderr.split()[1]}" in done.stderr
    assert instead in done.stderr


def test_a_slip_of_the_keyboard_is_answered_by_the_nearest_command(batchai):
    assert "Did you mean 'job'?" in batchai("jobs list").stderr
