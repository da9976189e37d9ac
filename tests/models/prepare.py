#!/usr/bin/env python3
"""Makes what the tests and benches need but the repository does not hold, once, under `target/`.

    python3 tests/models/prepare.py            packages, large models, evaluation rows
    python3 tests/models/prepare.py --bench    also the packages of the Python server that the bench compares with
    python3 tests/models/prepare.py --protocols  also other people's scoring clients, which the stories drive
    python3 tests/models/prepare.py --clients  only the packages of other people's clients; `python_path` leads to them
    python3 tests/models/prepare.py --estimators [gate|all]
                                               also one model of every estimator, or of a few, with what ONNX Runtime answers

Needs python3 with pip and, the first time, a package index. Prints one JSON object on stdout:
`{"python_path", "onnxruntime", "models", "versions", "estimators"}`: what to put into PYTHONPATH, the shared library for
ORT_DYLIB_PATH, the folder with `squeezenet.onnx` and `<data set>.f32`, the packages' versions, and the folder that
`estimators.py` wrote, or null. Everything else
goes to stderr. A second run finds it all there and takes a few milliseconds; runs at the same time wait for each
other; a changed requirement or script makes a new folder, so nothing stale is ever used.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent.parent / "target").resolve()


def fingerprint(*files):
    digest = hashlib.sha256(sys.version.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def made(folder, make):
    """`folder`, filled by `make` unless an earlier run finished doing so."""
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder


def install(requirements):
    def make(folder):
        print(f"installing {requirements} (about a minute)", file=sys.stderr)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--no-warn-script-location", "--root-user-action=ignore", "--target", folder, "-r", requirements]
        if subprocess.run(pip, stdout=sys.stderr).returncode:
            sys.exit(f"pip could not install {requirements}; on Debian: apt-get install python3-pip")

    return make


def pins(requirements):
    lines = [line for line in requirements.read_text().splitlines() if "==" in line]
    return dict(line.split("==") for line in lines)


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    with open(TARGET / "prepare.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if "--clients" in sys.argv:
            clients = HERE.parent / "clients" / "requirements.txt"
            path = made(TARGET / "python" / f"clients-{fingerprint(clients)}", install(clients))
            answer = {"python_path": str(path), "onnxruntime": "", "models": "", "versions": pins(clients)}
            print(json.dumps(answer, indent=1))
            return
        requirements = HERE / "requirements.txt"
        packages = made(TARGET / "python" / fingerprint(requirements), install(requirements))
        paths, versions = [packages], pins(requirements)
        for group in ("bench", "protocols"):
            if f"--{group}" in sys.argv:
                more = HERE.parent / group / "requirements.txt"
                # In front: where both pin a package, the group needs its own version.
                paths.insert(0, made(TARGET / "python" / f"{group}-{fingerprint(more)}", install(more)))
                versions |= pins(more)

        estimators = None
        if "--estimators" in sys.argv:
            everything = "all" in sys.argv
            if everything:
                boosters = HERE / "boosters.txt"
                paths.append(made(TARGET / "python" / f"boosters-{fingerprint(boosters)}", install(boosters)))
                versions |= pins(boosters)

            def fit(folder):
                print("fitting estimators (a few minutes the first time)", file=sys.stderr)
                script = [sys.executable, HERE / "estimators.py", folder, *([] if everything else ["--gate"])]
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
                subprocess.run(script, check=True, stdout=sys.stderr, env=environment)

            of = fingerprint(requirements, HERE / "boosters.txt", HERE / "estimators.py")
            estimators = made(TARGET / "estimators" / f"{'all' if everything else 'gate'}-{of}", fit)

        def train(folder):
            print("making the large models and the evaluation rows", file=sys.stderr)
            script = [sys.executable, HERE / "train.py", "--large", folder, "--rows", folder]
            environment = os.environ | {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(script, check=True, stdout=sys.stderr, env=environment)

        scripts = [requirements, *sorted(path for path in HERE.glob("*.py") if path.name != "estimators.py")]
        models = made(TARGET / "models" / fingerprint(*scripts), train)
    library = next((packages / "onnxruntime" / "capi").glob("libonnxruntime.so.*"))
    answer = {
        "python_path": os.pathsep.join(map(str, paths)),
        "onnxruntime": str(library),
        "models": str(models),
        "versions": versions,
        "estimators": estimators and str(estimators),
    }
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
