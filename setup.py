"""Wheel with compiled kernels: `WEITIAO_WHEEL_KERNELS=1` compiles them; without it the wheel is
pure Python and kernels are compiled where it is installed. The rest stands in pyproject.toml."""

import os
import shutil
import sys
from pathlib import Path
from sysconfig import get_platform

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

COMPILED = os.environ.get("WEITIAO_WHEEL_KERNELS") == "1"


class BuildWithKernels(build_py):
    """Adds the libraries of `model/fast/prebuilt.py` to the package."""

    def run(self) -> None:
        super().run()
        folder = Path(self.build_lib, "weitiao", "model", "fast", "prebuilt")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier build
        if not COMPILED or self.editable_mode:
            return
        sys.path.insert(0, str(Path(__file__).parent / "src"))
        from weitiao.model.fast import compiler, prebuilt

        found = compiler.find()
        if found is None:
            raise SystemExit("a wheel with kernels needs a C++ compiler")
        prebuilt.make(folder, found)


class PlatformWheel(bdist_wheel):
    """The tag of a wheel with libraries: any Python, this platform."""

    def get_tag(self) -> tuple[str, str, str]:
        if not COMPILED:
            return super().get_tag()
        return "py3", "none", get_platform().replace("-", "_").replace(".", "_")


setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": PlatformWheel})
