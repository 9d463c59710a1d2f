import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import served

from distiller.grouping import Grouper, Kind, Known, KnownVersion, Sighting, place
from distiller.grouping.place import PATIENCE
from distiller.grouping.words import shingles, slug, text_of
from distiller.settings import JudgeSettings, Policies, TaskPolicy
from store.prompt import head_hash
from store.vocabulary import Task, TaskMode

TRIAGE = "You sort support tickets. Answer with the category, the priority and the order id as JSON."
EDITED = TRIAGE + " Use null where there is none."
OTHER = "Translate what the customer wrote into plain English, keep names as they are."


def seen(fingerprint="f1", *, name=None, text=TRIAGE, model="gpt-x", tenant="", head=None, **fields):
    return Sighting(
        fingerprint=fingerprint,
        tenant=tenant,
        task_name=name,
        model=model,
        head_hash=head or f"h:{text}",
        text=text.lower(),
        **fields,
    )


SETTLED = {"calls": PATIENCE, "first_ts": 10.0, "last_ts": 20.0}


def known(
    task_id="triage",
    *,
    text=TRIAGE,
    model="gpt-x",
    tenant="",
    explicit=False,
    name=None,
    version=1,
    last_ts=9.0,
):
    return Known(
        task_id=task_id,
        tenant=tenant,
        name=name or task_id,
        explicit=explicit,
        called=(name or task_id,) if explicit else (),
        models=frozenset({model}),
        headless=not text,
        versions=(
            KnownVersion(
                version=version,
                head_hash=f"h:{text}",
                models=frozenset({model}),
                shingles=shingles(text.lower()),
                last_ts=last_ts,
            ),
        ),
    )


def test_a_new_prompt_makes_a_task_named_by_its_first_telling_words():
    placed = place(seen(), [])
    assert (placed.kind, placed.task_id, placed.version) == (Kind.NEW_TASK, "sort-support-tickets-answer", 1)


def test_an_edited_prompt_is_a_new_version_and_another_prompt_another_task():
    assert place(seen(text=EDITED, **SETTLED), [known()]).kind is Kind.NEW_VERSION
    assert place(seen(text=EDITED, **SETTLED), [known(version=3)]).version == 4
    assert place(seen(text=OTHER), [known()]).kind is Kind.NEW_TASK


def test_of_two_prompts_that_are_alike_time_tells_an_edit_from_another_task():
    assert place(seen(text=EDITED, calls=PATIENCE - 1), [known()]) is None
    both = place(seen(text=EDITED, **SETTLED), [known(last_ts=19.0)])
    assert (both.kind, both.version) == (Kind.NEW_TASK, 1)
    template = place(seen(text=EDITED, constant=False, **SETTLED), [known()])
    assert (template.kind, template.version) == (Kind.NEW_VERSION, 2)


def test_what_may_be_one_of_many_fillings_waits():
    assert place(seen(text=OTHER, beside=1), [known()]) is None
    assert place(seen(text=OTHER, beside=1, calls=2), [known()]).kind is Kind.NEW_TASK
    assert place(seen(text=OTHER, beside=1, calls=2, kin=True), [known()]) is None
    assert place(seen(text=OTHER, beside=1, kin=True, **SETTLED), [known()]).kind is Kind.NEW_TASK
    assert place(seen(text=OTHER, constant=False), [known()]).kind is Kind.NEW_TASK
    named = known("triage", explicit=True, name="triage")
    assert place(seen(text=OTHER, name="triage", beside=2), [named]).kind is Kind.NEW_VERSION
    assert place(seen(text=OTHER, name="triage", beside=3), [named]) is None


def test_a_template_is_no_head_that_another_call_may_join():
    assert place(seen(text=OTHER, head=f"h:{TRIAGE}", constant=False), [known()]).kind is Kind.NEW_TASK


def test_the_same_head_joins_its_version():
    placed = place(seen("f2"), [known(version=2)])
    assert (placed.kind, placed.version) == (Kind.JOIN, 2)


def test_another_model_or_tenant_is_another_task():
    assert place(seen(model="gpt-y"), [known()]).task_id != "triage"
    assert place(seen(tenant="acme"), [known()]).kind is Kind.NEW_TASK


def test_the_apps_own_name_decides_alone():
    mine = known("triage", explicit=True, name="triage")
    assert place(seen(name="triage", text=OTHER), [mine]).kind is Kind.NEW_VERSION
    assert place(seen("f2", name="triage"), [mine]).kind is Kind.JOIN
    assert place(seen(name="Other Task"), [mine]).task_id == "other-task"
    assert place(seen(name="triage", tenant="acme"), [mine]).task_id == "triage-2"
    assert place(seen(), [mine]).kind is Kind.NEW_TASK


def test_another_model_of_a_named_task_is_another_version():
    """Its student was compared with one teacher only."""
    placed = place(seen("f2", name="triage", model="gpt-y"), [known("triage", explicit=True, name="triage")])
    assert (placed.kind, placed.task_id, placed.version) == (Kind.NEW_VERSION, "triage", 2)


def test_a_head_that_was_erased_is_like_no_other():
    mine = known("triage", explicit=True, name="triage")
    erased = replace(mine, versions=(replace(mine.versions[0], head_hash="", models=frozenset({"gpt-x"})),))
    placed = place(replace(seen("f2", name="triage"), head_hash=""), [erased])
    assert placed.kind is Kind.NEW_VERSION


def test_calls_without_instructions_are_one_task_for_each_model():
    first = place(seen(text=""), [])
    assert first.headless
    assert first.task_id == "chat-gpt-x"
    assert place(seen("f2", text=""), [known("chat-gpt-x", text="")]).kind is Kind.JOIN
    assert place(seen("f2", text="", model="gpt-y"), [known("chat-gpt-x", text="")]).kind is Kind.NEW_TASK
    blank = place(seen("f2", text="", head="blank"), [known("chat-gpt-x", text="")])
    assert (blank.kind, blank.headless) == (Kind.NEW_VERSION, True)


_texts = st.sampled_from(["", TRIAGE, EDITED, OTHER, "one word"])
_sightings = st.builds(
    seen,
    st.uuids().map(str),
    name=st.sampled_from([None, None, "triage", "Triage!"]),
    text=_texts,
    model=st.sampled_from(["a", "b"]),
    tenant=st.sampled_from(["", "t"]),
    calls=st.sampled_from([1, PATIENCE]),
    beside=st.sampled_from([0, 5]),
)


@given(st.lists(_sightings, max_size=12))
def test_every_placement_is_consistent_with_what_is_known(sightings):
    tasks = {}
    for sighting in sightings:
        placed = place(sighting, list(tasks.values()))
        if placed is None:  # it waits, and has no place
            assert sighting.calls < PATIENCE
            continue
        if placed.kind is Kind.NEW_TASK:
            assert placed.task_id not in tasks
            assert placed.version == 1
            tasks[placed.task_id] = Known(
                task_id=placed.task_id, tenant=sighting.tenant, name=placed.name, explicit=placed.explicit,
                models=frozenset(), headless=placed.headless, versions=(),
                called=(placed.name,) if placed.explicit else (),
            )  # fmt: skip
        task = tasks[placed.task_id]
        assert task.tenant == sighting.tenant
        versions = {v.version for v in task.versions}
        assert (placed.version in versions) == (placed.kind is Kind.JOIN)
        added = KnownVersion(
            version=placed.version,
            head_hash=sighting.head_hash,
            models=frozenset({sighting.model}),
            shingles=shingles(sighting.text),
        )
        if placed.kind is Kind.JOIN:  # whatever joins a version, its student answers from then on
            (joined,) = [v for v in task.versions if v.version == placed.version]
            assert joined.head_hash == sighting.head_hash
            assert joined.models == {sighting.model}
        kept = () if placed.kind is Kind.JOIN else (added,)
        tasks[placed.task_id] = Known(
            task_id=task.task_id, tenant=task.tenant, name=task.name, explicit=task.explicit,
            models=task.models | {sighting.model}, headless=task.headless, versions=(*task.versions, *kept),
            called=task.called,
        )  # fmt: skip
        again = place(sighting, list(tasks.values()))
        assert again is None or again.kind is Kind.JOIN or sighting.task_name is None
        assert again is None or again.task_id == placed.task_id


@given(st.text())
def test_a_slug_is_always_a_name(text):
    assert slug(text)
    assert slug(text).strip("-") == slug(text)


def test_the_text_of_a_head_leaves_out_roles_and_json():
    pieces = (json.dumps({"role": "system", "content": "Be  BRIEF."}), json.dumps({"type": "json_object"}))
    assert text_of(pieces) == "be brief. type json_object"


@pytest.mark.parametrize(
    "piece",
    [
        "Be brief.",
        [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
    ],
)
def test_instructions_of_every_surface_read_the_same(piece):
    assert text_of((json.dumps(piece),)) == "be brief."


def _log(house, fingerprint, system, answer="red", **fields):
    house.load(served("a thing", answer, fingerprint=fingerprint, system=system, **fields))


def _grouper(house, policies=None):
    return Grouper(
        log=house.log,
        control=house.control,
        epoch=house.epoch,
        shapes=house.shapes(policies),
        policies=policies,
    )


def test_the_log_becomes_tasks_and_versions(house):
    grouper = _grouper(house)
    _log(house, "1" * 32, TRIAGE)
    assert grouper.step() == 1
    _log(house, "2" * 32, EDITED)
    _log(house, "3" * 32, OTHER)
    _log(house, "4" * 32, "", task_name=None)
    assert grouper.step() == 2
    for _ in range(PATIENCE):  # alike, and the old one is not called any more
        _log(house, "2" * 32, EDITED)
    assert grouper.step() == 1
    assert grouper.step() == 0
    tasks = {t.task_id: t for t in house.control.tasks()}
    assert len(tasks) == 3
    versions = house.control.versions("sort-support-tickets-answer")
    assert [v.fingerprints for v in versions] == [("1" * 32,), ("2" * 32,)]
    request = {"messages": [{"role": "system", "content": TRIAGE}]}
    assert versions[0].head_hash == head_hash(request)
    assert tasks["chat-gpt-x"].mode is TaskMode.OBSERVE
    assert _grouper(house).step() == 0  # a restarted control finds everything in its place


def test_a_named_task_joins_fingerprints_of_one_model_and_head_only(house):
    _log(house, "1" * 32, TRIAGE, task_name="triage")
    _log(house, "2" * 32, TRIAGE, task_name="triage")
    grouper = _grouper(house)
    assert grouper.step() == 2
    _log(house, "3" * 32, TRIAGE, task_name="triage", model="gpt-y")
    _log(house, "4" * 32, EDITED, task_name="triage")
    assert grouper.step() == 2
    _log(house, "5" * 32, TRIAGE, task_name="triage", model="gpt-y")
    assert _grouper(house).step() == 1  # after a restart, too
    first, *others = house.control.versions("triage")
    assert set(first.fingerprints) == {"1" * 32, "2" * 32}
    assert [v.fingerprints for v in others] == [("3" * 32, "5" * 32), ("4" * 32,)]
    assert house.control.task("triage").explicit


def test_closed_answers_allow_auto_and_a_policy_overrules(house):
    for i in range(30):
        _log(house, "1" * 32, TRIAGE, answer=["bug", "bill"][i % 2])
        _log(house, "2" * 32, OTHER, answer=f"the customer says that the {i}th parcel never came to them")
    _grouper(house).step()
    modes = {t.task_id: t.mode for t in house.control.tasks()}
    assert modes == {
        "sort-support-tickets-answer": TaskMode.AUTO,
        "translate-what-customer-wrote": TaskMode.APPROVE,
    }
    own = Policies(tasks={"sort-support-tickets-answer": TaskPolicy(mode=TaskMode.APPROVE)})
    _grouper(house, own).step()
    assert house.control.task("sort-support-tickets-answer").mode is TaskMode.APPROVE


def test_settings_for_the_apps_name_hold_for_every_tenants_task(house):
    for fingerprint, tenant in (("1" * 32, "acme"), ("2" * 32, "globex")):
        _log(house, fingerprint, TRIAGE, task_name="triage", tenant=tenant)
    own = Policies(tasks={"triage": TaskPolicy(mode=TaskMode.OBSERVE, metric="fields")})
    _grouper(house, own).step()
    modes = {task.task_id: task.mode for task in house.control.tasks()}
    assert modes == {"triage": TaskMode.OBSERVE, "triage-2": TaskMode.OBSERVE}
    assert house.shapes(own).metric("triage-2").name == "fields"


@pytest.mark.parametrize("answer", ["text", "judge"])
def test_auto_for_all_tasks_leaves_what_no_metric_can_tell_to_a_person(house, answer):
    judged = TaskPolicy(metric="judge", judge=JudgeSettings(model="j"), mode=TaskMode.AUTO)
    everyone = judged if answer == "judge" else TaskPolicy(mode=TaskMode.AUTO)
    for i in range(30):
        _log(house, "1" * 32, TRIAGE, answer=["bug", "bill"][i % 2])
        _log(house, "2" * 32, OTHER, answer=f"the customer says that the {i}th parcel never came to them")
    _grouper(house, Policies(default=everyone)).step()
    closed = TaskMode.APPROVE if answer == "judge" else TaskMode.AUTO
    assert house.control.task("sort-support-tickets-answer").mode is closed
    assert house.control.task("translate-what-customer-wrote").mode is TaskMode.APPROVE
    own = Policies(default=everyone, tasks={"translate-what-customer-wrote": everyone})
    _grouper(house, own).step()
    assert house.control.task("translate-what-customer-wrote").mode is TaskMode.AUTO


@pytest.mark.parametrize("answers", ['{"kind": "bug", "number": %d}', "a wholly new sentence about case %d"])
def test_a_users_own_metric_and_fields_stay_auto_under_auto_for_all(house, answers):
    metric = "auto" if answers.startswith("{") else "python:a.b:c"
    for i in range(30):
        _log(house, "1" * 32, TRIAGE, answer=answers % i)
    _grouper(house, Policies(default=TaskPolicy(mode=TaskMode.AUTO, metric=metric))).step()
    assert house.control.task("sort-support-tickets-answer").mode is TaskMode.AUTO


modes = st.sampled_from([None, *TaskMode])


@given(modes, modes, st.booleans(), st.booleans())
def test_only_a_tasks_own_word_puts_open_answers_on_auto(own, everyone, closed, headless):
    policies = Policies(default=TaskPolicy(mode=everyone), tasks={"t": TaskPolicy(mode=own)})
    mode = policies.mode(Task(task_id="t", name="t"), closed=closed, headless=headless)
    assert own is None or mode is own
    if own is None:
        assert not (headless and mode is not TaskMode.OBSERVE)
        assert closed or mode is not TaskMode.AUTO
        assert mode is everyone or headless or everyone in (None, TaskMode.AUTO)


def test_a_judge_whom_people_correct_leaves_nothing_to_approve(house):
    """Whatever the answers look like: what decides is what people say."""
    judge = JudgeSettings(model="j", gold=0.1, corrected=True)
    for i in range(30):
        _log(house, "2" * 32, OTHER, answer=f"the customer says that the {i}th parcel never came to them")
    _grouper(house, Policies(default=TaskPolicy(metric="judge", judge=judge))).step()
    assert house.control.task("translate-what-customer-wrote").mode is TaskMode.AUTO
