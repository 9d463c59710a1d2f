"""DSPy, which asks through litellm."""

import dspy
from scenarios import BASE, BIG, IMAGE, KEY, MODEL, failing, run

dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


class Stay(dspy.Signature):
    """Plan a stay."""

    wish: str = dspy.InputField()
    city: str = dspy.OutputField()


class Look(dspy.Signature):
    """Name what is shown."""

    picture: dspy.Image = dspy.InputField()
    name: str = dspy.OutputField()


def lm(name=MODEL, **options):
    return dspy.LM(f"openai/{name}", api_key=KEY, api_base=BASE, cache=False, num_retries=0, **options)


def plain():
    return lm()("Grüße")


def two_choices():
    return lm(n=2, temperature=1.0)("Grüße")


def logprobs():
    return lm(logprobs=True)("Grüße")


def history():
    own = lm()
    own("Grüße")
    return [own.history[-1]["usage"], own.history[-1]["outputs"]]


def structured_output():
    with dspy.context(lm=lm(), adapter=dspy.JSONAdapter()):
        return dict(dspy.Predict(Stay)(wish="Grüße"))


def image():
    with dspy.context(lm=lm(), adapter=dspy.JSONAdapter()):
        return dict(dspy.Predict(Look)(picture=dspy.Image(IMAGE)))


def large_body():
    with dspy.context(lm=lm(), adapter=dspy.JSONAdapter()):
        return dict(dspy.Predict(Look)(picture=dspy.Image(BIG)))


def text_completion():
    return lm("gpt-3.5-turbo-instruct", model_type="text")("Once")


def responses():
    return lm(model_type="responses")("Grüße")


def embeddings():
    kind = dspy.Embedder("openai/text-embedding-3-small", api_key=KEY, api_base=BASE, caching=False)
    return kind(["a", "b"]).tolist()


def error_400():
    return lm(failing("400"))("Grüße")


def error_429():
    return lm(failing("429"))("Grüße")


def error_500():
    return lm(failing("500"))("Grüße")


run(
    *(
        plain,
        two_choices,
        logprobs,
        history,
        structured_output,
        image,
        large_body,
        text_completion,
        responses,
    ),
    *(embeddings, error_400, error_429, error_500),
)
