"""Stands in for the training child where only the control flow is tested: the protocol, no learning.

`behaviour` in the job folder's parent says how it ends; each start adds a line to `starts`.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path


def emit(**event):
    print(json.dumps(event), flush=True)


def main():
    job = Path(sys.argv[1])
    threading.Thread(target=lambda: (sys.stdin.read(), _leave()), daemon=True).start()
    behaviour = (job.parent.parent / "behaviour").read_text().strip()
    with (job / "starts").open("a") as starts:
        starts.write("start\n")
    spec = json.loads((job / "spec.json").read_text())
    prompts, spec = "way" in spec, spec.get("train", spec)
    print("a human line", file=sys.stderr)
    emit(event="progress", phase="train", step=1, of=2, loss=1.0, eta_s=1.0)
    if behaviour == "hang":
        time.sleep(60)
    if behaviour in ("fail", f"fail {job.name}"):
        emit(event="error", message="the base model is missing")
        return 1
    if behaviour == "checkpoints":
        emit(event="checkpoint", step=1)
    if behaviour == "die once" and len((job / "starts").read_text().split()) == 1:
        emit(event="checkpoint", step=1)
        return 9
    out = Path(spec["out"])
    (out / "adapter").mkdir(parents=True, exist_ok=True)
    (out / "student.gguf").write_text("weights")
    examples = [{"role": "user", "content": "thing 0"}, {"role": "assistant", "content": "red"}]
    program = {**spec["program"], "demos": examples} if prompts else spec["program"]
    (out / "program.json").write_text(json.dumps(program))
    trainsets = [Path(folder) for folder in (spec["trainset"], *spec.get("beside", ()))]
    rows = [json.loads(line) for folder in trainsets for line in (folder / "heldout.jsonl").open()]
    wrong = behaviour == "other outputs"
    with (out / "heldout_outputs.jsonl").open("w") as lines:
        for row in rows if spec["tuned"] else ():
            text = "pink" if wrong else row["completion"]["content"]
            lines.write(json.dumps({"call_id": row["call_id"], "text": text}) + "\n")
    (job / "result.json").write_text(json.dumps({"loss": 0.1, "rows": len(rows)}))
    emit(event="done")
    return 0


def _leave():
    os._exit(75)


sys.exit(main())
