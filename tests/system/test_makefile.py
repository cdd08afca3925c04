"""Which sources "make" takes for the programs."""

import os
import shutil
import subprocess

from gateway import ROOT


def test_a_source_that_is_gone_leaves_the_archive(folder):
    """And the mark that an editor sets beside one is none."""
    def objects():
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "B", "SAN")}
        subprocess.run(["make", "build/obj/libcommon.a"], cwd=folder, env=env,
                       check=True, capture_output=True, text=True)
        listed = subprocess.run(["ar", "t", "build/obj/libcommon.a"],
                                cwd=folder, check=True, capture_output=True,
                                text=True)
        return listed.stdout.split()

    shutil.copy(ROOT / "Makefile", folder)
    (folder / "tests" / "bench").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "bench" / "bench.mk", folder / "tests/bench")
    for name in ("common", "tlsd", "rproxy", "tests/unit"):
        (folder / name).mkdir()
    for name in ("kept", "gone"):
        (folder / "common" / f"{name}.c").write_text(f"int {name};\n")
    (folder / "common" / ".#kept.c").symlink_to("somebody@somewhere.1234")
    assert objects() == ["gone.o", "kept.o"]
    archive = folder / "build" / "obj" / "libcommon.a"
    made = archive.stat().st_mtime_ns
    assert objects() == ["gone.o", "kept.o"]
    assert archive.stat().st_mtime_ns == made
    (folder / "common" / "gone.c").unlink()
    assert objects() == ["kept.o"]
