"""TRL's SFTTrainer on the rows of a round, as its documentation has it. Runs in an environment that has TRL.

`python plain_trl.py ROUND OUT`: trains on ROUND/train.jsonl by ROUND/terms.json, leaves OUT/adapter and OUT/told.json.
"""

import json
import sys
import time
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    round_, out = map(Path, sys.argv[1:])
    terms = json.loads((round_ / "terms.json").read_text())
    torch.set_num_threads(terms["threads"])
    chats = [json.loads(line)["messages"] for line in (round_ / "train.jsonl").read_text().splitlines()]
    rows = Dataset.from_list([{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats])
    # Two defaults of TRL are left: gradient checkpointing, which saves memory for time, and bf16 but in its own arm.
    config = SFTConfig(
        output_dir=str(out / "runs"), num_train_epochs=terms["epochs"], per_device_train_batch_size=terms["batch"],
        learning_rate=terms["lr"], lr_scheduler_type="cosine", warmup_steps=terms["warm_up"], seed=terms["seed"],
        max_length=terms["max_length"], use_cpu=True, bf16=out.name.endswith("bf16"), gradient_checkpointing=False, report_to=[],
        save_strategy="no", logging_steps=10, disable_tqdm=True, max_steps=terms["steps"],
    )  # fmt: skip
    lora = LoraConfig(
        r=terms["rank"], lora_alpha=2 * terms["rank"], lora_dropout=0.0, target_modules=terms["targets"],
        task_type="CAUSAL_LM",
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(terms["base"], dtype="float32"), args=config, train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(terms["base"]), peft_config=lora,
    )  # fmt: skip
    began, cpu = time.perf_counter(), time.process_time()
    trainer.train()
    told = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "steps": trainer.state.global_step,
    }
    trainer.save_model(str(out / "adapter"))
    (out / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
