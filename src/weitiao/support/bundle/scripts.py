"""What a bundle is installed with: install.sh, install.bat, install.py, and a page to read."""

from __future__ import annotations

from pathlib import Path

from weitiao.support.bundle.target import Target

NAMES = ("README.txt", "install.bat", "install.py", "install.sh")

_SH = """#!/bin/sh
# Installs weitiao from this folder, without a network: sh install.sh [FOLDER]
here=$(dirname "$0")
for python in "$PYTHON" python{version} python3 python; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info[:2] != ({comma}))' \\
            2>/dev/null; then
        exec "$python" "$here/install.py" "$@"
    fi
done
echo "Python {version} is needed; name it: PYTHON=/path/to/python{version} sh install.sh" >&2
exit 2
"""

_BAT = """@echo off
rem Installs weitiao from this folder, without a network: install.bat [FOLDER]
py -{version} -c "pass" >nul 2>nul
if %errorlevel%==0 (
    py -{version} "%~dp0install.py" %*
) else (
    python "%~dp0install.py" %*
)
exit /b %errorlevel%
"""

_README = """weitiao, to be installed without a network / 微调，离线安装包
{line}

{requirement}
{platform}, Python {python}, {count} packages, {size}

Install: sh install.sh [FOLDER]    (Windows: install.bat [FOLDER])
  All that is needed is Python {python}. The script compares every file with SHA256SUMS, makes a
  virtual environment in FOLDER (weitiao-venv in the current folder, if none is named), installs
  into it, and lets `weitiao doctor --offline` look whether everything works.
  sbom.cdx.json lists each package with its version, licence and hash (CycloneDX).

安装：sh install.sh [目录]    （Windows：install.bat [目录]）
  只需要 Python {python}。脚本先用 SHA256SUMS 核对每个文件，再在指定目录（默认为当前目录下的
  weitiao-venv）创建虚拟环境并安装，最后用 `weitiao doctor --offline` 检查是否可用。
  sbom.cdx.json 列出每个软件包的版本、许可证和哈希值（CycloneDX 格式）。
"""


def texts(target: Target, requirement: str, count: int, size: int) -> dict[str, str]:
    """File name -> its content."""
    from rich.filesize import decimal

    version = target.python
    values = {"version": version, "comma": version.replace(".", ", ")}
    page = _README.format(
        line="=" * 52, requirement=requirement, platform=target.platform, python=version,
        count=count, size=decimal(size),
    )  # fmt: skip
    installer = Path(__file__).with_name("install.py").read_text(encoding="utf-8")
    return {
        "README.txt": "\ufeff" + page.replace("\n", "\r\n"),  # as Windows' editors expect it
        "install.bat": _BAT.format(**values).replace("\n", "\r\n"),
        "install.py": installer,
        "install.sh": _SH.format(**values),
    }
