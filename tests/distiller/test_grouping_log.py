"""Templates found in a real log, and in use from then on."""

from slowpath import request, served

from distiller.grouping import Grouper
from gateway.fingerprint import fingerprint
from store.template import Templates

NAMES = ["Anna Haas", "Ben Okafor", "Carla", "Dee van Os", "Emil", "Fay Li", "Gus", "Hal Roe", "Ida", "Jo Wu"]
HEAD = (
    "You answer the mails of {name}, who runs a bakery, and you write to her customers as briefly as you can."
)
WORK = "Sort this mail into one of the five queues of the shop and answer with its name only.\n\nMail: {text}"


def asked(text, system=""):
    return request(text, system=system)


def load(house, text, *, system="", templates=(), model="gpt-x"):
    body = {**asked(text, system), "model": model}
    name = fingerprint(body, "", None, Templates(templates))
    house.load(served(text, "red", request=body, fingerprint=name, model=model))
    return name


def grouper(house):
    return Grouper(log=house.log, control=house.control, epoch=house.epoch, shapes=house.shapes())


def test_names_in_the_instructions_become_one_task_and_one_fingerprint(house):
    mine = grouper(house)
    first = [load(house, "hi", system=HEAD.format(name=NAMES[0]))]
    assert mine.step() == 1
    first.append(load(house, "hi", system=HEAD.format(name=NAMES[1])))
    assert mine.step() == 0  # it may be one of many
    rest = [load(house, "hi", system=HEAD.format(name=name)) for name in NAMES[2:]]
    assert len({*first, *rest}) == len(NAMES)
    mine.step()
    (template,) = house.control.templates()
    (task,) = house.control.tasks()
    (version,) = house.control.versions(task.task_id)
    assert set(version.fingerprints) == {*first, *rest, template.template_id}

    known = house.control.templates()
    later = load(house, "hi", system=HEAD.format(name="Zoe Quist"), templates=known)
    assert later == template.template_id
    edited = HEAD.replace("briefly", "kindly")
    other = load(house, "hi", system=edited.format(name="Zoe Quist"), templates=known)
    assert other != later
    assert mine.step() == 0
    assert grouper(house).step() == 0  # a restarted control has everything in its place
    assert house.control.templates() == known


def test_instructions_in_the_user_message_become_a_task_of_their_own(house):
    mine = grouper(house)
    for name in NAMES:
        load(house, WORK.format(text=f"{name} wants {name[::-1]}"))
    load(house, "What is the weather?")
    mine.step()
    (template,) = house.control.templates()
    later = load(house, WORK.format(text="where is it"), templates=[template])
    assert later == template.template_id
    mine.step()
    tasks = {task.task_id for task in house.control.tasks()}
    assert tasks == {"chat-gpt-x", "sort-mail-into-one"}
    (version,) = house.control.versions("sort-mail-into-one")
    assert version.fingerprints == (later,)


def test_a_template_of_one_model_is_none_of_another_and_one_that_was_taken_away_stays_away(house):
    mine = grouper(house)
    for name in NAMES:
        load(house, "hi", system=HEAD.format(name=name))
    mine.step()
    known = house.control.templates()
    assert load(house, "hi", system=HEAD.format(name="Zoe"), templates=known) == known[0].template_id
    assert (
        load(house, "hi", system=HEAD.format(name="Zoe"), templates=known, model="b") != known[0].template_id
    )
    house.control.publish_templates([], house.epoch)
    load(house, "hi", system=HEAD.format(name="Zoe"))
    mine.step()
    assert known[0] not in house.control.templates()


def test_the_log_gives_the_latest_calls_of_a_fingerprint_as_chat(house):
    names = [load(house, f"mail {number}") for number in range(5)]
    assert len(set(names)) == 1
    opened = house.log.openings(names, after_seq=0, each=3)
    assert [one.request["messages"][-1]["content"] for one in opened] == ["mail 2", "mail 3", "mail 4"]
    assert house.log.openings(names, after_seq=opened[-1].seq, each=3) == []
    assert house.log.openings([], after_seq=0, each=3) == []
