"""Options of blobfuse 1 and what becomes of them."""

import pytest

from batchai_operator.planner.volumes.blobfuse import DEFAULT_OPTIONS, translate


@pytest.mark.parametrize(
    ("given", "kept", "dropped"),
    [
        (None, DEFAULT_OPTIONS, ()),
        ("  ", DEFAULT_OPTIONS, ()),
        ("--use-https=true", "-o allow_other", ("--use-https=true",)),
        ("--use-https true -o ro", "-o ro -o allow_other", ("--use-https true",)),
        ("-o allow_other", "-o allow_other", ()),
        ("-oallow_other,ro", "-o allow_other -o ro", ()),
        ("--allow-other", "--allow-other", ()),
        ("-o big_writes,kernel_cache", "-o allow_other", ("-o big_writes", "-o kernel_cache")),
        ("-o max_read=131072 -o fsname=x", "-o allow_other", ("-o max_read=131072", "-o fsname=x")),
        ("-o rw", "-o allow_other", ()),
        ("-o attr_timeout=240", "-o attr_timeout=240 -o allow_other", ()),
        (
            "--tmp-path=/mnt/r --file-cache-timeout-in-seconds=120",
            "--file-cache-timeout-in-seconds=120 -o allow_other",
            ("--tmp-path=/mnt/r",),
        ),
        ("--log-level LOG_DEBUG", "--log-level=LOG_DEBUG -o allow_other", ()),
        ("--log-level=LOG_A --log-level=LOG_B", "--log-level=LOG_B -o allow_other", ()),
        ("--container-name=other", "-o allow_other", ("--container-name=other",)),
        ("--config-file=/etc/x", "-o allow_other", ("--config-file=/etc/x",)),
        ("--block-cache-parallelism=129", "-o allow_other", ("--block-cache-parallelism=129",)),
        (
            "--block-cache --block-cache-parallelism=8",
            "--block-cache --block-cache-parallelism=8 -o allow_other",
            (),
        ),
        ("--cache-size-mb=$(x)", "-o allow_other", ("--cache-size-mb=$(x)",)),
        ("-o -o", "-o allow_other", ("-o", "-o")),
        ("--log-level=a,--tmp-path=/etc", "-o allow_other", ("--log-level=a,--tmp-path=/etc",)),
        ("--log-level=a\u00a0--tmp-path=/", "--log-level=a -o allow_other", ("--tmp-path=/",)),
        ("--subdirectory=a/../../b", "-o allow_other", ("--subdirectory=a/../../b",)),
        ("--subdirectory=..", "-o allow_other", ("--subdirectory=..",)),
        ("--subdirectory=a/b..c", "--subdirectory=a/b..c -o allow_other", ()),
        ("nonsense -f", "-o allow_other", ("nonsense", "-f")),
    ],
)
def test_translation(given, kept, dropped):
    translation = translate(given)
    assert translation.options == kept
    assert translation.dropped == dropped


def test_files_belong_to_the_jobs_user():
    assert translate("-o ro", uid=1000, gid=100).options == (
        "-o ro -o allow_other -o uid=1000 -o gid=100"
    )
    assert "uid=5" in translate("-o uid=5", uid=1000).options
    assert "uid=1000" not in translate("-o uid=5", uid=1000).options
