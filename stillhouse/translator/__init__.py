"""The way to providers that speak no OpenAI dialect: a process of its own, in which litellm translates.

It listens on the loopback, answers only who shows the token of this start, and calls only what the settings name. litellm is
imported in `process` and nowhere else (an import contract holds this).
"""
