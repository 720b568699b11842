"""What is shown of long steps: no guess at the time before there is anything to guess from."""

from batchai_devcluster.progress import Progress


def test_time_left_is_told_once_something_is_done(capsys, monkeypatch):
    monkeypatch.setattr("batchai_devcluster.progress._PAUSE", 0.0)
    progress = Progress("Copying", 2)
    progress.step()
    first, second = capsys.readouterr().err.splitlines()
    assert "0/2" in first
    assert "left" not in first
    assert "1/2" in second
    assert "about 0 s left" in second
