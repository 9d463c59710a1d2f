"""Tells people what became of their students: by webhook, by e-mail, in the log. Decides nothing, delays nothing."""
