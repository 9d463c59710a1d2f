"""Classifier students: a frozen sentence encoder and a linear head, for closed sets of answers. Knows no log and no route."""
