"""Settings: what is read, what wins, and that every mistake names its place."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from distiller.settings import FinetuneSettings
from gateway.settings import Timeouts
from stillhouse.errors import ConfigError
from stillhouse.settings import convert, load
from store.vocabulary import Release, State, Task, TaskMode


def written(folder: Path, text: str) -> Path:
    path = folder / "stillhouse.yaml"
    path.write_text(text)
    return path


def test_nothing_set_is_openai_with_the_callers_own_key_on_loopback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load(None, {})
    assert settings.data == Path("stillhouse-data")
    assert settings.gateway.host == settings.control.host == "127.0.0.1"
    upstream = convert.gateway(settings, b"salt").upstreams[0]
    assert upstream.base_url == "https://api.openai.com/v1"
    assert upstream.api_key is None


def test_every_setting_of_an_upstream_reaches_the_gateway(tmp_path):
    given = {
        "name": "a", "base_url": "https://x.openai.azure.com/openai", "kind": "azure", "models": ["gpt-*"],
        "priority": 3, "weight": 2.5, "concurrency": 7, "cooldown_after": 5, "cooldown_s": 9.0, "inject_usage": True,
        "keepalive_s": 15.0, "api_version": "2024-10-21", "deployment": "prod", "timeouts": {"idle": 3.0},
    }  # fmt: skip
    settings = load(
        None, {"STILLHOUSE_UPSTREAMS": json.dumps([given]), "STILLHOUSE_GATEWAY__UPSTREAM_WAIT_S": "2"}
    )
    made = convert.gateway(settings, b"")
    (spec,) = made.upstreams
    assert {name: getattr(spec, name) for name in given if name not in {"models", "timeouts"}} == {
        name: value for name, value in given.items() if name not in {"models", "timeouts"}
    }
    assert (spec.models, spec.timeouts, made.upstream_wait_s) == (("gpt-*",), Timeouts(idle=3.0), 2.0)
    assert not set(spec.__dataclass_fields__) - set(given) - {"api_key"}


def test_the_tree_is_frozen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValidationError):
        load(None, {}).data = Path("elsewhere")


def test_a_file_in_the_working_folder_is_read_and_variables_win(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "gateway: {port: 4100, workers: 3}\ndata: here\n")
    settings = load(None, {"STILLHOUSE_GATEWAY__PORT": "4200"})
    assert (settings.gateway.port, settings.gateway.workers, settings.data) == (4200, 3, Path("here"))


def test_the_named_file_is_read(tmp_path):
    path = written(tmp_path, "data: named\n")
    assert load(None, {"STILLHOUSE_CONFIG": str(path)}).data == Path("named")


def test_lists_come_from_variables_as_json():
    variable = '[{"name": "local", "base_url": "http://127.0.0.1:9/v1"}]'
    assert load(None, {"STILLHOUSE_UPSTREAMS": variable}).upstreams[0].name == "local"


UPSTREAM = "upstreams:\n  - name: a\n    base_url: http://h/v1\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("gateway:\n  port: 99999\n", 2, "gateway.port = 99999"),
        ("gateway:\n  prt: 1\n", 2, "unknown setting 'gateway.prt'"),
        ("gateway:\n  port: yes\n", 2, "a number is needed"),
        ("gateway: 5\n", 1, "must be a mapping"),
        ("upstreams: 5\n", 1, "must be a list"),
        ("upstreams:\n  - name: a\n", 2, "base_url is missing"),
        ("upstreams:\n  - name: a\n    base_url: nowhere\n", 3, "http://"),
        (
            "upstreams:\n  - name: a\n    base_url: http://h\n    api_key_env: NOT_THERE\n",
            4,
            "NOT_THERE is not set",
        ),
        (
            "upstreams:\n  - name: a\n    base_url: http://h\n    api_key_file: /no/where\n",
            4,
            "cannot be read",
        ),
        ("upstreams:\n  - name: a\n    base_url: http://h\n    api_key: sk-1\n", 4, "does not belong"),
        ("upstreams:\n  - {name: a, kind: litellm}\n", 2, "needs params.model"),
        (
            "upstreams:\n  - name: a\n    kind: litellm\n    params: {model: x/y, api_key: sk-1}\n",
            2,
            "does not belong",
        ),
        (
            "upstreams:\n  - {name: a, kind: litellm, base_url: 'http://h', params: {model: x/y}}\n",
            2,
            "no base_url",
        ),
        ("upstreams:\n  - {name: a, base_url: 'http://h', params: {model: x/y}}\n", 2, "kind litellm only"),
        ("upstreams:\n  - {name: a, base_url: 'http://h'}\n  - {name: a, base_url: 'http://g'}\n", 3, "'a'"),
        (UPSTREAM + "    kind: gemini\n", 4, "'openai', 'anthropic', 'azure' or 'litellm'"),
        (UPSTREAM + "    weight: 0\n", 4, "upstreams.0.weight = 0"),
        (UPSTREAM + "    priority: first\n", 4, "upstreams.0.priority = 'first'"),
        (UPSTREAM + "    concurrency: 0\n", 4, "upstreams.0.concurrency = 0"),
        (UPSTREAM + "    weight: 1\n    cooldown_s: -1\n", 5, "upstreams.0.cooldown_s = -1"),
        (UPSTREAM + "    keepalive_s: yes\n", 4, "a number is needed"),
        (UPSTREAM + "    inject_usage: perhaps\n", 4, "upstreams.0.inject_usage"),
        (UPSTREAM + "    deployment: d\n", 4, "deployment is for kind azure only"),
        (UPSTREAM + "    weight: 2\n    kind: azure\n", 5, "kind azure needs an api_version"),
        ("client_keys:\n  - name: a\n    sha256: sk-1\n", 3, "sha256"),
        ("data: a\ndata: b\n", 2, "twice"),
        ("data: [\n", 2, "not valid YAML"),
        ("- 1\n", 1, "mapping"),
        ("policy:\n  mode: maybe\n", 2, "auto"),
        ("journal:\n  max_bytes: 2000\n", 2, "2000 bytes are too few: the outcomes of calls under way"),
        ("policy:\n  delta: 2\n", 2, "policy.delta"),
        ("policy:\n  mode: auto\n  metric: guess\n", 3, "metric is 'guess'"),
        ("tasks:\n  triage:\n    holdback: 0\n", 3, "holdback"),
        ("policy:\n  slices: [tools, langauge]\n", 2, "'langauge' is no dimension: there are tools,"),
        ("policy:\n  slices: [metadata.]\n", 2, "'metadata.' is no dimension"),
        ("policy:\n  slices: [tools, 'language:']\n", 2, "'language:' names no value"),
        (
            "policy:\n  slices: ['language:gr']\n",
            2,
            "no call can be of 'language:gr': language is one of en, de,",
        ),
        ("policy:\n  slices: ['length:tiny']\n", 2, "length is one of short, medium, long, huge"),
        ("policy:\n  slices: ['tools:search+book']\n", 2, "in order of the alphabet: 'book+search'"),
        ("tasks:\n  a:\n    slices: ['label:two  blanks']\n", 3, "one at a time within"),
        ("policy:\n  slices: ['metadata.team:" + 70 * "x" + "']\n", 2, "at most 64 characters"),
        ("tasks:\n  triage:\n    slices: [label, label]\n", 3, "'label' is named twice"),
        ("policy:\n  delta_slice: 0\n", 2, "delta_slice"),
        (
            "policy:\n  slices: [tools, label]\n  release: first_token\n",
            3,
            "release is first_token, but slices has label",
        ),
        (
            "policy:\n  release: first_token\ntasks:\n  a:\n    slices: ['label:urgent']\n",
            5,
            "which needs the whole answer",
        ),
        ("tasks:\n  triage:\n    caps: {shadow: 5}\n", 3, "cap of shadow"),
        ("policy:\n  finetune:\n    teachr: big\n", 3, "unknown setting 'policy.finetune.teachr'"),
        ("tasks:\n  a:\n    finetune:\n      multitask: perhaps\n", 4, "tasks.a.finetune.multitask"),
        ("policy:\n  finetune:\n    teacher: big\n    metric: exact\n", 4, "finetune.metric is 'exact'"),
        (
            "policy:\n  finetune:\n    metric: python:a:b\n    adapter: chat\n",
            4,
            "finetune.adapter is 'chat'",
        ),
        (
            "policy:\n  finetune:\n    metric: python:a:b\n    train_with: [b]\n",
            4,
            "finetune.train_with goes with",
        ),
        ("tasks:\n  a:\n    finetune:\n      num_threads: 99\n", 4, "finetune.num_threads is 99"),
        ("policy:\n  finetune:\n    train_kwargs:\n      lr: 2\n", 4, "policy.finetune.train_kwargs.lr = 2"),
        ("policy:\n  finetune:\n    train_kwargs: {epoch: 1}\n", 3, "policy.finetune.train_kwargs.epoch"),
        ("policy:\n  ladder: [base, service]\n", 2, "distiller.service names none"),
        (
            "upstreams:\n  - {name: a, base_url: 'http://h', models: [gpt-*]}\npolicy:\n  judge:\n    model: big\n",
            5,
            "judge.model is 'big', which no upstream serves; theirs: gpt-*",
        ),
        (
            "upstreams:\n  - {name: a, base_url: 'http://h', models: [gpt-*]}\ntasks:\n  t:\n    optimizer_model: big\n",
            5,
            "optimizer_model is 'big', which no upstream serves",
        ),
        (
            "upstreams:\n  - {name: a, base_url: 'http://h', models: [b]}\npolicy:\n  finetune:\n    teacher: big\n",
            5,
            "finetune.teacher is 'big', which no upstream serves",
        ),
        (
            "distiller:\n  trainset:\n    names_model: en\n",
            3,
            "names_model is set, but redact is names in no policy",
        ),
        ("source: x\n", 1, "unknown setting 'source'"),
        (
            "gateway:\n  port: 5000\ncontrol:\n  port: 5000\n",
            4,
            "gateway.port and control.port are both 5000",
        ),
        ("data: a\ngateway:\n  port: 4001\n", 3, "gateway.port and control.port are both 4001"),
    ],
)
def test_every_mistake_names_file_and_line(tmp_path, text, line, words):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}:{line}: ")
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"STILLHOUSE_GATEWAY__PORT": "x"}, "gateway.port"),
        ({"STILLHOUSE_GATWAY__PORT": "1"}, "unknown setting 'gatway'"),
        ({"STILLHOUSE_UPSTREAMS": "[{"}, "neither valid JSON nor YAML"),
        ({"STILLHOUSE_GATEWAY": "1", "STILLHOUSE_GATEWAY__PORT": "1"}, "'gateway'"),
    ],
)
def test_a_bad_variable_is_named(tmp_path, monkeypatch, environ, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert "STILLHOUSE_GAT" in str(caught.value) or "STILLHOUSE_UPSTREAMS" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml", {})


def test_keys_come_from_the_environment_and_are_never_shown(tmp_path):
    path = written(tmp_path, "upstreams:\n  - {name: a, base_url: 'http://h/v1', api_key_env: MY_KEY}\n")
    settings = load(path, {"MY_KEY": "sk-planted"})
    assert convert.gateway(settings, b"").upstreams[0].api_key == "sk-planted"
    assert "sk-planted" not in repr(settings)
    assert "sk-planted" not in settings.model_dump_json()


def test_keys_come_from_files(tmp_path):
    (tmp_path / "key").write_text("sk-file\n")
    path = written(
        tmp_path, f"upstreams:\n  - {{name: a, base_url: 'http://h/v1', api_key_file: {tmp_path / 'key'}}}\n"
    )
    assert convert.gateway(load(path, {}), b"").upstreams[0].api_key == "sk-file"


def test_a_task_lays_its_keys_over_the_policy(tmp_path):
    path = written(
        tmp_path, "policy: {mode: auto, delta: 0.05}\ntasks:\n  t: {mode: observe, caps: {shadow: 9000}}\n"
    )
    settings = load(path, {})
    own, other = (convert.rollout_policy(settings, Task(task_id=name, name=name)) for name in "tu")
    assert (own.mode, own.delta, own.caps[State.SHADOW]) == (TaskMode.OBSERVE, 0.05, 9000)
    assert (other.mode, other.caps[State.SHADOW]) == (TaskMode.AUTO, 6000)
    assert convert.task_policies(settings).of(Task(task_id="t", name="t")).mode is TaskMode.OBSERVE


def test_a_name_speaks_of_every_task_that_apps_call_so_and_an_id_wins(tmp_path):
    keys = "{mode: observe, delta: 0.02, retention_days: 1}"
    path = written(tmp_path, f"tasks:\n  triage: {keys}\n  triage-3: {{delta: 0.1}}\n")
    settings = load(path, {})
    named = [
        Task(task_id=f"triage{end}", tenant=end, name="Renamed", explicit=True, called=("triage",))
        for end in ("", "-2", "-3")
    ]
    found = Task(task_id="triage-4", name="triage")  # a likeness of words, not the apps' own
    everyone = [*named, found]
    assert [convert.rollout_policy(settings, task).delta for task in everyone] == [0.02, 0.02, 0.1, 0.03]
    assert [convert.task_policies(settings).of(task).delta for task in everyone] == [0.02, 0.02, 0.1, 0.03]
    modes = [convert.task_policies(settings).mode(task, closed=True) for task in everyone]
    assert modes == [TaskMode.OBSERVE, TaskMode.OBSERVE, TaskMode.AUTO, TaskMode.AUTO]
    assert [settings.task_policy(task).retention_days for task in everyone] == [1, 1, None, None]


def test_a_profile_shortens_the_steps(tmp_path):
    policy = convert.rollout_policy(load(written(tmp_path, "policy: {profile: replay}\n"), {}))
    assert (policy.profile, policy.min_served, policy.minima[State.CANARY_1]) == ("replay", 3, 10)


def test_any_free_port_may_be_asked_for_twice(tmp_path):
    settings = load(written(tmp_path, "gateway: {port: 0}\ncontrol: {port: 0}\n"), {})
    assert settings.gateway.port == settings.control.port == 0


@pytest.mark.parametrize("source", ["api_key_env: NOT_THERE", "api_key_file: /no/where"])
def test_without_keys_none_is_looked_up_and_none_may_be_written(tmp_path, source):
    path = written(tmp_path, f"upstreams:\n  - {{name: a, base_url: 'http://h/v1', {source}}}\n")
    assert load(path, {}, keys=()).upstreams[0].api_key is None
    path.write_text("upstreams:\n  - {name: a, base_url: 'http://h/v1', api_key: sk-1}\n")
    with pytest.raises(ConfigError, match="does not belong"):
        load(path, {}, keys=())


def test_the_parameters_of_a_fine_tuning_reach_the_task_that_they_are_for(tmp_path):
    path = written(
        tmp_path,
        "policy:\n  finetune: {num_threads: 2}\ntasks:\n  triage:\n    finetune:\n      metric: python:a.b:c\n"
        "      multitask: false\n      exclude_demos: true\n      num_threads: 8\n      adapter: python:a:B\n"
        "      teacher: big\n      train_kwargs: {epochs: 2, lr: 0.01, rank: 4, max_rows: 900}\n",
    )
    policies = convert.task_policies(load(path, {}))
    assert policies.tasks["triage"].finetune == FinetuneSettings(
        metric="python:a.b:c", multitask=False, exclude_demos=True, num_threads=8, adapter="python:a:B",
        teacher="big", train_kwargs={"epochs": 2, "lr": 0.01, "rank": 4, "max_rows": 900},
    )  # fmt: skip
    assert policies.default.finetune == FinetuneSettings(num_threads=2)


def test_what_another_setting_makes_possible_is_taken(tmp_path):
    text = (
        "upstreams:\n  - {name: a, base_url: 'http://h', models: [gpt-*]}\n"
        "policy: {redact: names, ladder: [service], judge: {model: gpt-x}, finetune: {teacher: replay}}\n"
        "distiller: {trainset: {names_model: en}, service: {kind: openai, upstream: a, model: gpt-x}}\n"
    )
    settings = load(written(tmp_path, text), {})
    assert (settings.policy.ladder, settings.distiller.trainset.names_model) == (("service",), "en")


def test_a_task_with_labels_may_wait_for_whole_answers_where_others_do_not(tmp_path):
    text = "policy: {release: first_token}\ntasks:\n  a: {slices: [label], release: whole}\n"
    settings = load(written(tmp_path, text), {})
    assert convert.rollout_policy(settings).release is Release.FIRST_TOKEN
    named = convert.rollout_policy(settings, Task(task_id="a", name="A", mode=TaskMode.AUTO))
    assert (named.release, named.slices) == (Release.WHOLE, ("label",))


def test_one_share_of_gold_is_drawn_and_corrects_the_judge(tmp_path):
    judged = "policy: {metric: judge, judge: {model: j, gold: 0.3}, gold_audit: 0.1, latency_slo_s: 1.5}"
    settings = load(written(tmp_path, judged), environ={})
    judge, policy = convert.task_policies(settings).default.judge, convert.rollout_policy(settings)
    assert (judge.gold, judge.corrected, policy.gold_audit, policy.latency_slo_s) == (0.1, True, 0.1, 1.5)
    believed = load(written(tmp_path, judged.replace("gold_audit: 0.1, ", "")), environ={})
    judge = convert.task_policies(believed).default.judge
    assert (judge.gold, judge.corrected, convert.rollout_policy(believed).gold_audit) == (0.3, False, 0.0)
